import { nextRecord } from '../backend/cluster-record.js';
import { type ClusterRecord, FORMATION_LOCK, type InstanceId, isClusterError, type NodeId } from '../backend/index.js';
import type { Membership } from '../driver/index.js';
import { textOf } from '../errors/index.js';
import type { Listing } from '../guard/index.js';
import { anySignal, patiently, type Runtime } from '../runtime/index.js';
import { type LeaseTiming, type LockKeeper, patientLock } from '../session/index.js';
import { requireUnchanged } from './applied-plan.js';
import { type BrakeName, type HeldBy, heldBy } from './brake.js';
import { remember } from './memory.js';
import type { CleanupMemory, Look } from './observation.js';
import { observe, type Observer } from './observe.js';
import { type CleanupPlan, objection, plan } from './plan/index.js';
import type { CleanupPolicy } from './policy.js';
import type { Removal } from './removal.js';

export interface ExecutorParts extends Observer {
  readonly policy: CleanupPolicy;
  readonly runtime: Runtime;
  readonly timing: LeaseTiming;
  readonly instance: InstanceId;
  /** How long a busy formation lock is waited for, in ms. */
  readonly refreshMs: number;
}

export interface RemovalRequest {
  readonly node: NodeId;
  /** The lock of the one executor. */
  readonly cleanupLock: LockKeeper;
  readonly signal: AbortSignal;
  /** The plan that an operator has read and applies; undefined: the executor's own. */
  readonly applied?: CleanupPlan | undefined;
  /** The list from which the plan was made: it tells whom to ask again. */
  readonly listing: Listing;
  /** What was proved up to now. */
  readonly memory: () => CleanupMemory;
  /** Told of each list under the lock when it is answered. */
  readonly onListing: (listing: Listing) => void;
  /** A look under the lock showed something that the memory must know. */
  readonly onLook: (look: Look) => void;
}

/** Ends one removal before anything irrevocable was done. */
class Refusal {
  readonly held: HeldBy;

  constructor(held: HeldBy) {
    this.held = held;
  }
}

const refuse = (brake: BrakeName, detail: string): never => {
  throw new Refusal(heldBy(brake, detail));
};

/** One removal: marked in the record under the lock, then forgotten under it, each after everything was looked at again. */
class Execution {
  readonly #parts: ExecutorParts;
  readonly #request: RemovalRequest;
  #look: Look | undefined;
  #asked = false;

  constructor(parts: ExecutorParts, request: RemovalRequest) {
    this.#parts = parts;
    this.#request = request;
  }

  async run(): Promise<Removal> {
    const { node } = this.#request;
    try {
      await this.#underLock((lock) => this.#mark(lock));
      return await this.#underLock((lock) => this.#forget(lock));
    } catch (thrown) {
      if (thrown instanceof Refusal) {
        if (this.#look) this.#request.onLook(this.#look);
        return { kind: 'refused', node, by: thrown.held.brake, detail: thrown.held.detail };
      }
      // Before the daemon was asked, a lock that ended is one more reason to leave it alone.
      if (!this.#asked && (isClusterError(thrown, 'LOCK_LOST') || isClusterError(thrown, 'LOCK_UNVERIFIED')))
        return { kind: 'refused', node, by: 'lock-not-held', detail: thrown.message };
      return failure(node, thrown, !this.#asked);
    }
  }

  /** The formation lock, for one step: nobody forms, joins or writes the record meanwhile. */
  async #underLock<T>(step: (lock: LockKeeper) => Promise<T>): Promise<T> {
    const lock = await this.#lock();
    try {
      return await step(lock);
    } catch (error) {
      // Work that hangs must not be overtaken: its lock lapses.
      if (isClusterError(error, 'WORK_STUCK')) lock.abandon();
      await lock.release().catch(() => undefined);
      throw error;
    }
  }

  async #lock(): Promise<LockKeeper> {
    const { backend, runtime, timing, driver, instance, refreshMs } = this.#parts;
    const who = { name: FORMATION_LOCK, node: driver.self, instance, operation: 'cleanup' };
    try {
      const { signal } = this.#request;
      return await patientLock({ ...who, backend, runtime, timing, signal, waitMs: refreshMs });
    } catch (error) {
      if (isClusterError(error, 'LOCK_NOT_ACQUIRED')) return refuse('formation-active', error.message);
      throw error;
    }
  }

  async #mark(lock: LockKeeper): Promise<void> {
    const { node } = this.#request;
    const { record } = await this.#lookAgain(lock);
    if (record.removed.includes(node)) return letGo(lock);
    const marked = nextRecord(record, lock.grant.token, { removed: [...record.removed, node] });
    const outcome = await lock.release({ signal: this.#request.signal, record: marked });
    if (outcome.kind === 'lost') refuse('lock-not-held', 'the formation lock was lost before the record was written');
  }

  async #forget(lock: LockKeeper): Promise<Removal> {
    const { driver } = this.#parts;
    const { node, cleanupLock, memory } = this.#request;
    const { record, look } = await this.#lookAgain(lock);
    if (!record.removed.includes(node)) refuse('readmitted', `${node} is not marked any more`);
    lock.assertHeld();
    cleanupLock.assertHeld();
    // The node may have made a list for something else since the look.
    this.#requireFree(look);
    const instance = memory().instances.get(node);
    const scope = anySignal([this.#request.signal, lock.signal, cleanupLock.signal]);
    this.#asked = true;
    try {
      const call = { signal: scope.signal, list: this.#list };
      await driver.forget({ node, instance, token: lock.grant.token }, call);
    } catch (error) {
      if (!isClusterError(error, 'WORK_STUCK')) await this.#afterFailure(lock, record, error);
      throw error;
    } finally {
      scope.clear();
    }
    await this.#finish(lock, record);
    return { kind: 'removed', node, instance };
  }

  get #list() {
    return this.#look?.listing.kind === 'listed' ? this.#look.listing.list : undefined;
  }

  /**
   * Everything once more, under the lock: health, a list that began after the grant, every brake with the record of the
   * grant, and both locks. Answers that record, and what was seen.
   */
  async #lookAgain(lock: LockKeeper): Promise<{ readonly record: ClusterRecord; readonly look: Look }> {
    const { cleanupLock, signal, applied } = this.#request;
    const stored = lock.grant.record;
    const seen = await observe(this.#parts, {
      signal,
      hasLock: !cleanupLock.signal.aborted,
      known: this.#look?.listing ?? this.#request.listing,
      onListing: this.#request.onListing,
    });
    this.#look = seen;
    if (seen.listing.kind === 'listed') {
      const { revision } = seen.listing.list;
      const { tokenIsRevision } = this.#parts.backend.capabilities;
      if (tokenIsRevision === true && revision !== undefined && revision < lock.grant.token) {
        refuse('list-incomplete', `the list of revision ${revision} is older than the grant ${lock.grant.token}`);
      }
    }
    if (stored?.kind !== 'present') return refuse('list-incomplete', `the record is ${stored?.kind ?? 'unknown'}`);
    const look = withRecord(seen, stored.record);
    const now = this.#requireFree(look);
    if (applied) requireUnchanged(applied, now, stored.record);
    await this.#verify(cleanupLock, 'cleanup');
    await this.#verify(lock, 'formation');
    return { record: stored.record, look };
  }

  /** Refuses when a brake holds, by this look and all that is remembered now. */
  #requireFree(look: Look): CleanupPlan {
    const { policy } = this.#parts;
    const { node, applied, memory } = this.#request;
    const now = plan(policy, { ...look, memory: remember(policy, memory(), look) });
    const against = objection(now, node, applied !== undefined);
    if (against) throw new Refusal(against);
    return now;
  }

  async #verify(lock: LockKeeper, name: string): Promise<void> {
    try {
      await lock.verify();
    } catch (error) {
      refuse('lock-not-held', `the ${name} lock cannot be proved to be held: ${textOf(error)}`);
    }
  }

  /**
   * What an operator applied sets the size to what it leaves: of the members that were looked at, since a daemon that has
   * lost its own meanwhile must not lower it to itself. The record is written only when there is something to say.
   */
  async #finish(lock: LockKeeper, record: ClusterRecord): Promise<void> {
    const { applied, node } = this.#request;
    const own = this.#look?.own;
    if (!applied || own?.kind !== 'known') return letGo(lock);
    const left = own.membership.members.filter((each) => each !== node).length;
    if (left >= record.size) return letGo(lock);
    // The member is forgotten: a size that could not be lowered only keeps the majority larger.
    await this.#write(lock, nextRecord(record, lock.grant.token, { size: left }));
  }

  /**
   * The mark goes only when the daemon refused for certain and still has the member; where an operator applied the plan, the size
   * goes as well when the daemon has all but this one.
   */
  async #afterFailure(lock: LockKeeper, record: ClusterRecord, error: unknown): Promise<void> {
    const { node } = this.#request;
    if (lock.signal.aborted) return;
    const view = await this.#view();
    if (!view) return;
    if (!view.members.includes(node)) {
      const own = this.#look?.own;
      const others = own?.kind === 'known' ? own.membership.members.filter((each) => each !== node) : [];
      return others.every((each) => view.members.includes(each)) ? this.#finish(lock, record) : undefined;
    }
    if (!isCertain(error)) return;
    const removed = record.removed.filter((each) => each !== node);
    await this.#write(lock, nextRecord(record, lock.grant.token, { removed }));
  }

  /** Nobody writes this record later: one lost exchange is no reason to give it up. */
  async #write(lock: LockKeeper, record: ClusterRecord): Promise<void> {
    const { signal } = this.#request;
    await patiently(this.#parts.runtime, signal, () => lock.release({ signal, record })).catch(() => letGo(lock));
  }

  #view(): Promise<Membership | undefined> {
    const { driver } = this.#parts;
    const { signal } = this.#request;
    return driver.membership({ signal, list: this.#list }).catch(() => undefined);
  }
}

const isCertain = (error: unknown): boolean =>
  isClusterError(error) && !error.outcomeUnknown && error.code === 'DRIVER_FAILED';

async function letGo(lock: LockKeeper): Promise<void> {
  // What is not released lapses, and nothing depends on it any more.
  await lock.release().catch(() => undefined);
}

function withRecord(look: Look, record: ClusterRecord): Look {
  const { listing } = look;
  if (listing.kind === 'failed' || listing.list.record.kind !== 'present') return look;
  return { ...look, listing: { ...listing, list: { ...listing.list, record: { kind: 'present', record } } } };
}

function failure(node: NodeId, thrown: unknown, isUntouched: boolean): Extract<Removal, { kind: 'failed' }> {
  const certain = isUntouched || isCertain(thrown);
  if (!isClusterError(thrown)) return { kind: 'failed', node, code: 'DRIVER_FAILED', text: textOf(thrown), certain };
  return { kind: 'failed', node, code: thrown.code, text: thrown.message, certain };
}

/** Removes one member, or says why not. Never rejects. */
export function removeMember(parts: ExecutorParts, request: RemovalRequest): Promise<Removal> {
  return new Execution(parts, request).run();
}
