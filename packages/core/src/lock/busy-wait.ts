import type { LockOutcome } from '../backend/index.js';
import { anySignal, backoffMs, pause, type Runtime } from '../runtime/index.js';

type Busy = Extract<LockOutcome, { readonly kind: 'busy' }>;

/** Without a hint the lock is polled; with one, the poll is only there in case the hint fails. */
const POLL = { firstMs: 200, maxMs: 2_000 };
const POLL_BESIDE_HINT_MS = 5_000;
const LONGEST_RETRY_AFTER_MS = 60_000;
/** Attempts that a hint woke in vain, one after another, before hints are followed more slowly. */
const TRUSTED_HINTS = 2;

/** Decides when a busy lock is tried again. */
export class BusyWait {
  readonly #runtime: Runtime;
  #polls = 0;
  #hintsInVain = 0;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** Settles when it is worth another try, or at the signal. */
  async next(busy: Busy, signal: AbortSignal): Promise<void> {
    const wake = anySignal([signal]);
    let hinted = false;
    const follow = (): void => {
      hinted ||= !wake.signal.aborted;
      wake.abort(undefined);
    };
    const hint = busy.released?.(wake.signal).then(follow);
    try {
      await pause(this.#runtime, this.#delayMs(busy), wake.signal);
    } finally {
      wake.abort(undefined);
      wake.clear();
      await hint;
    }
    this.#polls += 1;
    this.#hintsInVain = hinted ? this.#hintsInVain + 1 : 0;
    const excess = this.#hintsInVain - TRUSTED_HINTS;
    if (excess > 0) await pause(this.#runtime, backoffMs(excess, POLL, this.#runtime.random()), signal);
  }

  #delayMs({ retryAfterMs, released }: Busy): number {
    if (retryAfterMs !== undefined) return Math.min(retryAfterMs, LONGEST_RETRY_AFTER_MS);
    if (released !== undefined) return POLL_BESIDE_HINT_MS * (1 - this.#runtime.random() / 10);
    return backoffMs(this.#polls, POLL, this.#runtime.random());
  }
}
