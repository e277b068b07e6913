import { CLEANUP_LOCK, ClusterError, type ErrorCode, isClusterError, type NodeId } from '../backend/index.js';
import { textOf } from '../errors/index.js';
import type { Listing } from '../guard/index.js';
import {
  anySignal,
  jitteredMs,
  pause,
  type SuspensionWatch,
  timestamp,
  wallLeadMs,
  watchSuspension,
} from '../runtime/index.js';
import { type LockKeeper, tryLock } from '../session/index.js';
import { AfterWork } from './after-work.js';
import { requireSame } from './applied-plan.js';
import { familyOf } from './brake.js';
import { removeMember } from './executor.js';
import { brakesOf, type CleanupTick, createHistory, type History } from './history.js';
import { forgetPresence, FRESH_MEMORY, noteListing, noteRemoval, remember, stopClocks } from './memory.js';
import type { CleanupMemory, Look } from './observation.js';
import { observe } from './observe.js';
import { type CleanupParts, type CleanupStatus, requireFormed } from './parts.js';
import { type CleanupPlan, plan } from './plan/index.js';
import { requireAbilities } from './policy.js';
import { type Removal, stoppedClocks } from './removal.js';

interface Planned {
  readonly look: Look;
  readonly plan: CleanupPlan;
}

/** Looks at intervals while this node is the executor, and removes what no brake holds. */
export class CleanupScheduler {
  readonly #parts: CleanupParts;
  readonly #history: History;
  readonly #stopping = new AbortController();
  #memory: CleanupMemory = FRESH_MEMORY;
  #lock: LockKeeper | undefined;
  #holder: NodeId | undefined;
  #stuck = false;
  #running: Promise<void> | undefined;
  readonly #afterWork = new AfterWork();
  /** Whether the machine stood still since the latest list: its own clock stood still too. */
  readonly #suspension: SuspensionWatch;
  /** One look or removal after the other, whoever asks for it. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: CleanupParts) {
    this.#parts = parts;
    this.#history = createHistory(parts.policy.historyMax);
    this.#suspension = watchSuspension(parts.runtime.clock);
  }

  get status(): CleanupStatus {
    const { policy, driver } = this.#parts;
    const executor = this.#isExecutor ? driver.self : this.#holder;
    return {
      mode: policy.mode,
      executor,
      stuck: this.#stuck,
      counters: this.#history.counters,
      ticks: this.#history.ticks,
    };
  }

  get #isExecutor(): boolean {
    return this.#lock !== undefined && !this.#lock.signal.aborted;
  }

  start(): void {
    if (this.#parts.policy.mode !== 'off') this.#running ??= this.#run();
  }

  /** No new tick; resolves when what is under way has settled and the lock is let go. */
  async stop(): Promise<void> {
    this.#stopping.abort(new ClusterError('ABORTED', 'the node stops', { operation: 'cleanup' }));
    await this.#running;
    await this.#inTurn(() => this.#resign());
  }

  /** Takes note of a list that this node made for something else. */
  saw(listing: Listing): void {
    const { policy, runtime } = this.#parts;
    if (this.#suspension.gainedMs() > policy.intervalMs) this.#memory = forgetPresence(this.#memory);
    if (listing.kind === 'listed') this.#suspension.trust(wallLeadMs(runtime.clock));
    this.#memory = noteListing(policy, this.#memory, listing, runtime.clock.monotonicMs());
  }

  /** What would be done now. Writes nothing. */
  plan(): Promise<CleanupPlan> {
    return this.#inTurn(async () => (await this.#plan(this.#stopping.signal)).plan);
  }

  /** Removes whom a plan that an operator has read allows to remove. */
  apply(read: CleanupPlan): Promise<readonly Removal[]> {
    return this.#inTurn(async () => {
      if (this.#parts.policy.mode === 'off')
        throw new ClusterError('UNSUPPORTED', 'cleanup is off on this node', { operation: 'cleanup' });
      requireAbilities(this.#parts.backend, 'cleanup.apply()');
      requireFormed(this.#parts, 'cleanup');
      const lock = await this.#takeLock();
      if (!lock) throw this.#notExecutor();
      return this.#underLock(lock, async (signal) => {
        const now = await this.#plan(signal);
        requireSame(read, now.plan);
        const wanted = read.ripe.filter((node) => now.plan.candidates.some((each) => each.node === node));
        return this.#remove('operator', now, wanted, lock, signal);
      });
    });
  }

  #notExecutor(): ClusterError {
    const by = this.#holder === undefined ? '' : `: ${this.#holder} does`;
    const details = { holder: this.#holder };
    return new ClusterError('LOCK_NOT_ACQUIRED', `this node does not clean up${by}`, { operation: 'cleanup', details });
  }

  async #run(): Promise<void> {
    const { runtime, policy } = this.#parts;
    const { signal } = this.#stopping;
    while (!signal.aborted && !this.#stuck) {
      const startedAtMs = runtime.clock.monotonicMs();
      await this.#inTurn(() => this.#tick()).catch((error: unknown) => this.#failed(error));
      const periodMs = jitteredMs(policy.intervalMs, runtime.random());
      await pause(runtime, Math.max(1, startedAtMs + periodMs - runtime.clock.monotonicMs()), signal);
    }
  }

  async #tick(): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    if (!this.#parts.standing()) return this.#resign();
    const lock = await this.#takeLock();
    if (!lock) return;
    await this.#underLock(lock, async (signal) => {
      const now = await this.#plan(signal);
      const removals = await this.#remove('interval', now, now.plan.removes, lock, signal);
      if (!removals.some(stoppedClocks)) await this.#finish(now, lock, signal);
    });
  }

  async #plan(signal: AbortSignal): Promise<Planned> {
    const { policy } = this.#parts;
    const look = await observe(this.#parts, {
      signal,
      hasLock: this.#isExecutor,
      onListing: (listing) => this.saw(listing),
    });
    this.#memory = remember(policy, this.#memory, look);
    return { look, plan: plan(policy, { ...look, memory: this.#memory }) };
  }

  async #remove(
    by: CleanupTick['by'],
    { look, plan: made }: Planned,
    nodes: readonly NodeId[],
    cleanupLock: LockKeeper,
    signal: AbortSignal,
  ): Promise<readonly Removal[]> {
    const removals: Removal[] = [];
    for (const node of nodes) {
      const removal = await removeMember(this.#parts, {
        node,
        cleanupLock,
        signal,
        applied: by === 'operator' ? made : undefined,
        listing: look.listing,
        memory: () => this.#memory,
        onListing: (each) => this.saw(each),
        onLook: (seen) => (this.#memory = remember(this.#parts.policy, this.#memory, seen)),
      });
      removals.push(removal);
      if (removal.kind === 'removed') this.#afterWork.add(node, removal.instance);
      // It may have been removed all the same: what follows is done as soon as the daemon has the member no more.
      if (removal.kind === 'failed' && !removal.certain) this.#afterWork.add(node, this.#memory.instances.get(node));
      this.#memory = noteRemoval(this.#memory, removal);
      this.#parts.onEvent({ kind: 'removal', removal });
      this.#stuck ||= removal.kind === 'failed' && removal.code === 'WORK_STUCK';
      if (this.#stuck || signal.aborted) break;
    }
    const refused = removals.flatMap((each) => (each.kind === 'refused' ? [each.by] : []));
    const candidates = made.candidates.map((each) => each.node);
    const heldBy = [...new Set([...brakesOf(made), ...refused])];
    this.#tell({ at: this.#at(), by, candidates, heldBy, removals, failure: undefined }, made);
    if (this.#stuck) this.#giveUp();
    return removals;
  }

  /** What follows removals. A brake that stops the clocks stops this too: who is paused, or no member, changes nothing. */
  async #finish({ look, plan: made }: Planned, lock: LockKeeper, signal: AbortSignal): Promise<void> {
    if (this.#stuck || made.heldBy.some(({ brake }) => familyOf(brake) === 'clocks')) return;
    const { driver, onEvent } = this.#parts;
    const unfinished = await this.#lookingOn(this.#afterWork.perform({ driver, look, lock, signal }), signal);
    for (const { node, error } of unfinished) {
      onEvent({ kind: 'unfinished', node, code: error.code, text: error.message });
      if (error.code !== 'WORK_STUCK') continue;
      this.#stuck = true;
      this.#giveUp();
    }
  }

  /** Looks on at intervals for as long as something takes: after a gap every absence would begin anew. */
  async #lookingOn<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
    const { runtime, policy } = this.#parts;
    const over = anySignal([signal]);
    const ended = work.finally(() => over.abort(undefined));
    // Told at the end, also when a look is not over yet.
    ended.catch(() => undefined);
    try {
      while (!over.signal.aborted) {
        await pause(runtime, policy.intervalMs, over.signal);
        if (!over.signal.aborted) await this.#plan(signal);
      }
    } finally {
      over.clear();
    }
    return ended;
  }

  /** Work that hangs must not be overtaken: the lock lapses, and this node does not take it again. */
  #giveUp(): void {
    this.#lock?.abandon();
    this.#resigned();
  }

  #tell(tick: CleanupTick, made: CleanupPlan): void {
    this.#history.add(tick);
    this.#parts.onEvent({ kind: 'tick', tick, plan: made });
  }

  #failed(error: unknown): void {
    this.#memory = stopClocks(this.#memory);
    const code: ErrorCode = isClusterError(error) ? error.code : 'DRIVER_FAILED';
    const failure = { code, text: textOf(error) };
    this.#history.add({ at: this.#at(), by: 'interval', candidates: [], heldBy: [], removals: [], failure });
  }

  #at(): string {
    return timestamp(this.#parts.runtime.clock);
  }

  /** The lock of the executor: kept from one tick to the next, so that one node looks and the others only ask for it. */
  async #takeLock(): Promise<LockKeeper | undefined> {
    if (this.#lock && !this.#lock.signal.aborted) return this.#lock;
    if (this.#stuck) return undefined;
    this.#resigned();
    const { backend, runtime, timing, driver, instance } = this.#parts;
    const attempt = { backend, runtime, timing, name: CLEANUP_LOCK, node: driver.self, instance };
    const outcome = await tryLock({ ...attempt, signal: this.#stopping.signal, onLost: () => this.#resigned() });
    if (outcome.kind !== 'held') {
      this.#holder = outcome.kind === 'busy' ? outcome.holder : undefined;
      return undefined;
    }
    this.#lock = outcome.keeper;
    this.#holder = undefined;
    this.#afterWork.begin();
    this.#parts.onEvent({ kind: 'executor', active: true });
    return outcome.keeper;
  }

  /** What was proved while the lock was held proves nothing to the next holder, nor to this node when it comes back. */
  #resigned(): void {
    this.#memory = stopClocks(this.#memory);
    if (!this.#lock) return;
    this.#lock = undefined;
    this.#parts.onEvent({ kind: 'executor', active: false });
  }

  async #resign(): Promise<void> {
    const lock = this.#lock;
    this.#resigned();
    await lock?.release().catch(() => undefined);
  }

  async #underLock<T>(lock: LockKeeper, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const scope = anySignal([this.#stopping.signal, lock.signal]);
    try {
      return await work(scope.signal);
    } finally {
      scope.clear();
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work, work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }
}
