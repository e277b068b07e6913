import { ClusterError, isClusterError, type UnlockOutcome } from '../backend/index.js';
import { patiently, type Runtime } from '../runtime/index.js';
import type { LockKeeper } from '../session/index.js';
import type { Won } from './acquire.js';
import type { Turn } from './queue.js';

/** A lock that is held. Use it with `await using`, or release it in a `finally`. */
export interface LockHandle extends AsyncDisposable {
  /** Fencing token: larger than that of every earlier holder. Give it to whatever the lock protects. */
  readonly token: bigint;
  /** Aborts with `LOCK_LOST` when the lock may have passed to another. */
  readonly signal: AbortSignal;
  /** Throws `LOCK_LOST`, or `LOCK_UNVERIFIED` after the machine was suspended. Synchronous; may be destructured. */
  readonly assertHeld: () => void;
  /** Asks the store now; rejects when the lock is lost or nobody can tell. */
  readonly verify: () => Promise<void>;
  /** `lost`: it was not ours any more. Rejects when the store does not answer: then the lock lapses. Idempotent. */
  readonly release: () => Promise<'released' | 'lost'>;
}

class Handle implements LockHandle {
  readonly token: bigint;
  readonly assertHeld: () => void;
  readonly verify: () => Promise<void>;
  readonly #keeper: LockKeeper;
  readonly #turn: Turn;
  readonly #runtime: Runtime;
  #released: Promise<'released' | 'lost'> | undefined;

  constructor({ keeper, turn }: Won, runtime: Runtime) {
    this.token = keeper.grant.token;
    this.assertHeld = keeper.assertHeld;
    this.verify = keeper.verify;
    this.#keeper = keeper;
    this.#turn = turn;
    this.#runtime = runtime;
  }

  get signal(): AbortSignal {
    return this.#keeper.signal;
  }

  readonly release = (): Promise<'released' | 'lost'> => {
    this.#released ??= this.#release().finally(this.#turn.leave);
    return this.#released;
  };

  /** Releases after the guarded work: throws only when the lock may have ended before the work did. */
  async close(): Promise<void> {
    let outcome: 'released' | 'lost';
    try {
      outcome = await this.release();
    } catch (error) {
      if (this.#isBeforeDeadline()) return;
      throw this.#lost(error);
    }
    if (outcome === 'lost') throw this.signal.aborted ? this.signal.reason : this.#lost(undefined);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #release(): Promise<'released' | 'lost'> {
    const { kind } = await this.#unlock();
    return kind;
  }

  /** An earlier try may have released it. Then it is gone by our own hand, while nobody else could have it yet. */
  async #unlock(): Promise<UnlockOutcome> {
    let inDoubt = false;
    const { signal } = new AbortController();
    return patiently(this.#runtime, signal, async () => {
      try {
        const outcome = await this.#keeper.release();
        return outcome.kind === 'lost' && inDoubt && this.#isBeforeDeadline() ? { kind: 'released' } : outcome;
      } catch (error) {
        inDoubt ||= isClusterError(error) && error.outcomeUnknown;
        throw error;
      }
    });
  }

  #isBeforeDeadline(): boolean {
    return this.#runtime.clock.monotonicMs() < this.#keeper.heldUntilMs;
  }

  #lost(cause: unknown): ClusterError {
    const { name } = this.#keeper.grant;
    return new ClusterError('LOCK_LOST', `the lock '${name}' had ended before it was released`, { cause });
  }
}

export type ClosableLock = LockHandle & { close(): Promise<void> };

export function createLockHandle(won: Won, runtime: Runtime): ClosableLock {
  return new Handle(won, runtime);
}
