import { ClusterError, isClusterError, type LockRequest } from '../backend/index.js';
import { fromAbort, type GuardedBackend } from '../guard/index.js';
import { anySignal, backoffMs, orAborted, pause, type Runtime } from '../runtime/index.js';
import {
  grantedTooLate,
  type KeptLockOutcome,
  type LeaseTiming,
  type LockKeeper,
  leaseTiming,
  requestLock,
} from '../session/index.js';
import { BusyWait } from './busy-wait.js';
import type { ResolvedLockOptions } from './lock-options.js';
import { Patience } from './patience.js';
import type { Turn } from './queue.js';
import { queueOf, type Room } from './room.js';

export interface Contest {
  readonly name: string;
  readonly options: ResolvedLockOptions;
  readonly room: Room;
  readonly guarded: GuardedBackend;
  readonly runtime: Runtime;
}

export interface Won {
  readonly keeper: LockKeeper;
  readonly turn: Turn;
}

const RETRY = { firstMs: 200, maxMs: 5_000 };

/** Acquires the lock, or throws why not. Whatever it throws, nothing of the attempt stays behind. */
export async function compete(contest: Contest): Promise<Won> {
  const { guarded, options, runtime } = contest;
  const timing = leaseTiming({ capabilities: guarded.capabilities, ttlMs: options.ttlMs });
  const patience = new Patience(runtime, options.waitMs);
  try {
    const turn = await takeTurn(contest, patience);
    try {
      return { keeper: await new Competitor(contest, timing, patience, turn).win(), turn };
    } catch (error) {
      turn.leave();
      throw error;
    }
  } finally {
    patience.clear();
  }
}

function notAcquired({ name }: Contest, patience: Patience, cause?: unknown): ClusterError {
  const { holder, ahead, waitedMs } = patience;
  const behind = ahead === undefined ? '' : `, behind ${ahead} in this process`;
  const by = holder === undefined ? behind : `, held by ${holder}`;
  const text = `the lock '${name}' was not acquired within ${waitedMs} ms${by}`;
  return new ClusterError('LOCK_NOT_ACQUIRED', text, { operation: 'lock', cause, details: { name, holder, waitedMs } });
}

function throwIfOver(contest: Contest, patience: Patience, cause?: unknown): void {
  const { signal } = contest.options;
  if (signal?.aborted === true) throw fromAbort(signal.reason, 'lock', false);
  if (patience.signal.aborted) throw notAcquired(contest, patience, cause);
}

/** Waits until the contenders of this process that came before are done. */
async function takeTurn(contest: Contest, patience: Patience): Promise<Turn> {
  const { name, options, room } = contest;
  const queue = queueOf(room, name);
  const { first } = queue;
  if (first?.hasWon === true) patience.sawHolder(first.owner);
  else if (first !== undefined) patience.waitsBehind(first.owner);
  if (options.waitMs === 0 && first !== undefined) throw notAcquired(contest, patience);
  const turn = queue.enter(options.owner, (holder) => patience.passedTo(holder));
  const over = anySignal([patience.signal, options.signal]);
  try {
    await orAborted(turn.come, over.signal);
    throwIfOver(contest, patience);
    return turn;
  } catch (error) {
    turn.leave();
    throw error;
  } finally {
    over.clear();
  }
}

type Tried = KeptLockOutcome | { readonly kind: 'failed'; readonly error: ClusterError };

/** Not when the answer came after its own deadline, or after a suspension: somebody else may have the lock by then. */
function holds({ assertHeld }: LockKeeper): boolean {
  try {
    assertHeld();
    return true;
  } catch {
    return false;
  }
}

/** Asks the store again, which settles a suspension. Nothing is sent for a lock that is lost. */
async function verified(keeper: LockKeeper, over: AbortSignal): Promise<boolean> {
  await orAborted(keeper.verify(), over);
  return !over.aborted && holds(keeper);
}

/** The first contender of this process, against those of others. */
class Competitor {
  readonly #contest: Contest;
  readonly #timing: LeaseTiming;
  readonly #patience: Patience;
  readonly #turn: Turn;
  readonly #busyWait: BusyWait;
  #request: LockRequest;
  #failures = 0;
  #hasWon = false;

  constructor(contest: Contest, timing: LeaseTiming, patience: Patience, turn: Turn) {
    this.#contest = contest;
    this.#timing = timing;
    this.#patience = patience;
    this.#turn = turn;
    this.#busyWait = new BusyWait(contest.runtime);
    this.#request = this.#newAttempt();
  }

  async win(): Promise<LockKeeper> {
    const over = anySignal([this.#patience.signal, this.#contest.options.signal]);
    try {
      for (;;) {
        const keeper = await this.#step(over.signal);
        if (keeper !== undefined) return keeper;
      }
    } catch (error) {
      void this.#contest.guarded.giveUpLock(this.#request);
      throw error;
    } finally {
      over.clear();
    }
  }

  async #step(over: AbortSignal): Promise<LockKeeper | undefined> {
    const { options, runtime } = this.#contest;
    const tried = await this.#try(over);
    let cause: unknown;
    if (tried.kind === 'held') {
      return this.#keep(tried.keeper);
    } else if (tried.kind === 'busy') {
      this.#failures = 0;
      this.#patience.sawHolder(tried.holder);
      if (options.waitMs === 0) throw notAcquired(this.#contest, this.#patience);
      await this.#busyWait.next(tried, over);
    } else if (tried.kind === 'failed') {
      if (options.waitMs === 0 || !tried.error.retryable) throw tried.error;
      cause = tried.error;
      await pause(runtime, backoffMs(this.#failures, RETRY, runtime.random()), over);
      this.#failures += 1;
    }
    throwIfOver(this.#contest, this.#patience, cause);
    return undefined;
  }

  async #try(over: AbortSignal): Promise<Tried> {
    const { guarded, runtime, options } = this.#contest;
    const call = { signal: options.signal, timeoutMs: this.#timing.callTimeoutMs };
    const onLost = () => {
      if (this.#hasWon) this.#turn.leave();
    };
    try {
      const asked = { backend: guarded, runtime, request: this.#request, timing: this.#timing, call, onLost };
      const outcome = await requestLock(asked);
      if (outcome.kind !== 'held' || holds(outcome.keeper) || (await verified(outcome.keeper, over))) return outcome;
      void outcome.keeper.release().catch(() => undefined);
      this.#request = this.#newAttempt();
      return { kind: 'failed', error: grantedTooLate(this.#request.name) };
    } catch (error) {
      if (!isClusterError(error)) throw error;
      return { kind: 'failed', error };
    }
  }

  #keep(keeper: LockKeeper): LockKeeper {
    this.#hasWon = true;
    this.#turn.won();
    return keeper;
  }

  #newAttempt(): LockRequest {
    const { name, options, room, runtime } = this.#contest;
    const { owner: node, ttlMs } = options;
    return { name, node, instance: room.instance, attempt: runtime.uniqueId(), ttlMs };
  }
}
