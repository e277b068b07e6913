import type { InstanceId, NodeId } from '../backend/index.js';
import type { GuardedDriver } from '../guard/index.js';
import { anySignal } from '../runtime/index.js';
import type { LockKeeper } from '../session/index.js';
import type { Look } from './observation.js';

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

  /** Does what is pending, one after the other. Never rejects: what failed stays pending. */
  async perform(driver: GuardedDriver, look: Look, lock: LockKeeper, signal: AbortSignal): Promise<void> {
    if (!driver.afterForget) return;
    if (this.#isNew) this.#inherit(look);
    const scope = anySignal([signal, lock.signal]);
    try {
      for (const [node, instance] of this.#pending) {
        if (scope.signal.aborted) return;
        const list = look.listing.kind === 'listed' ? look.listing.list : undefined;
        await driver.afterForget({ node, instance, token: lock.grant.token }, { signal: scope.signal, list });
        this.#pending.delete(node);
      }
    } catch {
      // The next tick goes on with it.
    } finally {
      scope.clear();
    }
  }

  #inherit({ own, listing }: Look): void {
    if (own.kind === 'unknown' || listing.kind === 'failed' || listing.list.record.kind !== 'present') return;
    const members = new Set(own.membership.members);
    const gone = listing.list.record.record.removed.filter((node) => !members.has(node));
    for (const node of gone) if (!this.#pending.has(node)) this.#pending.set(node, undefined);
    this.#isNew = false;
  }
}
