import { type ClusterError, type InstanceId, isClusterError, type NodeId } from '../backend/index.js';
import type { DriverGuardCall, GuardedDriver } from '../guard/index.js';
import { anySignal } from '../runtime/index.js';
import type { LockKeeper } from '../session/index.js';
import type { Look } from './observation.js';

/** What should have followed a removal, and failed. */
export interface Unfinished {
  readonly node: NodeId;
  readonly error: ClusterError;
}

export interface AfterWorkRequest {
  readonly driver: GuardedDriver;
  readonly look: Look;
  /** The lock of the one executor. */
  readonly lock: LockKeeper;
  readonly signal: AbortSignal;
}

/** What the daemon has to do after removals: repeated until it succeeds, and begun again by every new executor. */
export class AfterWork {
  readonly #pending = new Map<NodeId, InstanceId | undefined>();
  #isNew = false;

  /** This node has become the executor: the one before may not have finished. */
  begin(): void {
    this.#isNew = true;
  }

  add(node: NodeId, instance: InstanceId | undefined): void {
    this.#pending.set(node, instance);
  }

  /** Does what is pending, one after the other, and answers what failed: that stays pending. */
  async perform({ driver, look, lock, signal }: AfterWorkRequest): Promise<readonly Unfinished[]> {
    if (!driver.afterForget) return [];
    if (this.#isNew) this.#inherit(look);
    const unfinished: Unfinished[] = [];
    const scope = anySignal([signal, lock.signal]);
    const call = { signal: scope.signal, list: listOf(look) };
    try {
      for (const [node, instance] of this.#pending) {
        if (scope.signal.aborted) break;
        try {
          if (await isMemberAgain(driver, node, call)) continue;
          lock.assertHeld();
          await driver.afterForget({ node, instance, token: lock.grant.token }, call);
          this.#pending.delete(node);
        } catch (thrown) {
          if (!isClusterError(thrown)) throw thrown;
          unfinished.push({ node, error: thrown });
          if (thrown.code !== 'WORK_STUCK') continue;
          // It may still run: nothing else begins beside it, and its lock lapses from now on.
          lock.abandon();
          break;
        }
      }
    } finally {
      scope.clear();
    }
    return unfinished;
  }

  #inherit(look: Look): void {
    const { own } = look;
    const record = listOf(look)?.record;
    if (own.kind === 'unknown' || record?.kind !== 'present') return;
    const members = new Set(own.membership.members);
    const gone = record.record.removed.filter((node) => !members.has(node));
    for (const node of gone) if (!this.#pending.has(node)) this.#pending.set(node, undefined);
    this.#isNew = false;
  }
}

const listOf = ({ listing }: Look) => (listing.kind === 'listed' ? listing.list : undefined);

/** Whoever joined anew has nothing left to be tidied, and much to lose. */
async function isMemberAgain(driver: GuardedDriver, node: NodeId, call: DriverGuardCall): Promise<boolean> {
  if (call.list?.members.some((member) => member.node === node)) return true;
  const { members } = await driver.membership(call);
  return members.includes(node);
}
