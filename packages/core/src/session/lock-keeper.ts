import { ClusterError, type LockGrant, type LockRequest, type UnlockOutcome } from '../backend/index.js';
import type { GuardedBackend, UnlockCall } from '../guard/index.js';
import {
  anySignal,
  backoffMs,
  type CancelTimer,
  jitteredMs,
  pause,
  type Runtime,
  type SuspensionWatch,
  wallLeadMs,
  watchSuspension,
} from '../runtime/index.js';
import { grantedTiming, type LeaseTiming, timingOfGrant } from './lease-timing.js';

export interface KeepLockOptions {
  readonly backend: GuardedBackend;
  readonly runtime: Runtime;
  readonly grant: LockGrant;
  /** The request that was answered with the grant. */
  readonly request: LockRequest;
  /** When that request was sent, on the monotonic clock. The deadline counts from here. */
  readonly sentAtMs: number;
  /** `wallLeadMs` at that moment; without it, a suspension while the request was under way goes unnoticed. */
  readonly sentLeadMs?: number | undefined;
  /** The timing that was asked for. Default: follows from the granted TTL. */
  readonly timing?: LeaseTiming | undefined;
  readonly onLost?: ((error: ClusterError) => void) | undefined;
}

/** A grant that is kept alive, and that knows when it may have passed to somebody else. */
export interface LockKeeper {
  /** As it was last answered. */
  readonly grant: LockGrant;
  /** When we stop to rely on it unless it is renewed, on the monotonic clock. */
  readonly heldUntilMs: number;
  /** Aborts with `LOCK_LOST`. Asking for it looks at the clock first, so that it is right at once after a pause. */
  readonly signal: AbortSignal;
  /** Throws `LOCK_LOST`, or `LOCK_UNVERIFIED` after the machine was suspended. Synchronous; bound. */
  readonly assertHeld: () => void;
  /** Asks the store now. Rejects `LOCK_LOST`, or why the store could not be asked. */
  readonly verify: () => Promise<void>;
  /** Ends renewal, then unlocks. A second call answers the same; after a failure it tries again. */
  release(call?: UnlockCall): Promise<UnlockOutcome>;
  /** Ends renewal without unlocking, for work that hangs: the lock lapses. */
  abandon(): void;
}

type Phase = 'held' | 'lost' | 'released' | 'abandoned';

const GONE: UnlockOutcome = Object.freeze({ kind: 'lost' });

class Keeper implements LockKeeper {
  #grant: LockGrant;
  #sentAtMs: number;
  #timing: LeaseTiming;
  #phase: Phase = 'held';
  #failures = 0;
  #storeSaidLost = false;
  #cancelDeadline: CancelTimer = () => undefined;
  #armedForMs = 0;
  #exchange: Promise<void> | undefined;
  #released: Promise<UnlockOutcome> | undefined;
  readonly #options: KeepLockOptions;
  readonly #suspension: SuspensionWatch;
  readonly #loss = new AbortController();
  readonly #renewing = anySignal([]);
  #nap = anySignal([]);

  constructor(options: KeepLockOptions) {
    const { runtime, grant, sentAtMs, sentLeadMs } = options;
    this.#options = options;
    this.#grant = grant;
    this.#sentAtMs = sentAtMs;
    this.#timing = this.#timingOf(grant);
    this.#suspension = watchSuspension(runtime.clock, sentLeadMs);
  }

  /** Apart from the constructor, since a grant that came too late is lost at once and reports it. */
  begin(): void {
    this.#checkDeadline();
    if (this.#phase !== 'held') return;
    this.#armDeadline();
    void this.#renewAlways();
  }

  get grant(): LockGrant {
    return this.#grant;
  }

  get heldUntilMs(): number {
    return this.#sentAtMs + this.#timing.deadlineMs;
  }

  get signal(): AbortSignal {
    this.#checkDeadline();
    return this.#loss.signal;
  }

  readonly assertHeld = (): void => {
    this.#checkDeadline();
    this.#loss.signal.throwIfAborted();
    if (this.#phase !== 'held') throw this.#lost(`was ${this.#phase}`);
    if (this.#suspension.gainedMs() <= this.#timing.stopBudgetMs / 2) return;
    // One renewal right now settles it, unless the store does not answer anyway.
    if (this.#failures === 0) this.#nap.abort(undefined);
    const text = `the machine was suspended while the lock '${this.#grant.name}' was held`;
    throw new ClusterError('LOCK_UNVERIFIED', text, { details: { name: this.#grant.name } });
  };

  readonly verify = async (): Promise<void> => {
    // What is under way was sent before now, and proves nothing about now.
    await this.#exchange?.catch(() => undefined);
    await this.#renew();
    this.assertHeld();
  };

  release(call?: UnlockCall): Promise<UnlockOutcome> {
    this.#released ??= this.#release(call).catch((error: unknown) => {
      this.#released = undefined;
      throw error;
    });
    return this.#released;
  }

  abandon(): void {
    // What was lost may still be in the store: it is not released by hand either.
    if (this.#phase === 'lost') this.#phase = 'abandoned';
    if (this.#phase !== 'held') return;
    this.#end('abandoned');
    this.#loss.abort(this.#lost('was abandoned'));
  }

  async #release(call: UnlockCall | undefined): Promise<UnlockOutcome> {
    const { backend } = this.#options;
    this.#checkDeadline();
    if (this.#phase === 'held') this.#end('released');
    if (this.#phase === 'released') return backend.unlock(this.#grant, call);
    const maybeOurs = this.#phase === 'lost' && !this.#storeSaidLost;
    // Nobody relies on it any more, and others need not wait until it lapses.
    if (maybeOurs) backend.unlock(this.#grant).catch(() => undefined);
    return GONE;
  }

  #timingOf({ ttlMs }: LockGrant): LeaseTiming {
    const { timing, backend } = this.#options;
    return timing === undefined ? timingOfGrant(backend.capabilities, ttlMs) : grantedTiming(timing, ttlMs);
  }

  #lost(text: string): ClusterError {
    const { name } = this.#grant;
    return new ClusterError('LOCK_LOST', `the lock '${name}' ${text}`, { details: { name } });
  }

  #end(phase: Phase): void {
    this.#phase = phase;
    this.#cancelDeadline();
    this.#renewing.abort(this.#lost(`was ${phase}`));
    this.#nap.abort(undefined);
  }

  #lose(text: string): void {
    if (this.#phase !== 'held') return;
    const error = this.#lost(text);
    this.#end('lost');
    this.#loss.abort(error);
    this.#options.onLost?.(error);
  }

  #remainingMs(): number {
    return this.heldUntilMs - this.#options.runtime.clock.monotonicMs();
  }

  #checkDeadline(): void {
    if (this.#phase !== 'held' || this.#remainingMs() > 0) return;
    this.#lose(`was not renewed within ${Math.round(this.#timing.deadlineMs)} ms`);
  }

  #armDeadline(): void {
    this.#armedForMs = this.heldUntilMs;
    this.#cancelDeadline = this.#options.runtime.after(Math.max(0, this.#remainingMs()), () => {
      this.#checkDeadline();
      if (this.#phase === 'held') this.#armDeadline();
    });
  }

  /** The deadline of a shorter grant must not wait for that of the longer. */
  #armEarlier(): void {
    if (this.heldUntilMs >= this.#armedForMs) return;
    this.#cancelDeadline();
    this.#armDeadline();
  }

  async #renewAlways(): Promise<void> {
    const { runtime } = this.#options;
    while (this.#phase === 'held') {
      this.#nap = anySignal([]);
      await pause(runtime, this.#untilRenewalMs(), this.#nap.signal);
      try {
        await this.#renew();
      } catch {
        this.#failures += 1;
      }
    }
  }

  #untilRenewalMs(): number {
    const { runtime } = this.#options;
    const { backoffMs: firstMs, renewalMs } = this.#timing;
    if (this.#failures > 0) return backoffMs(this.#failures - 1, { firstMs, maxMs: renewalMs }, runtime.random());
    return Math.max(0, this.#sentAtMs + jitteredMs(renewalMs, runtime.random()) - runtime.clock.monotonicMs());
  }

  /** One exchange at a time. Nothing is sent once the lock is lost or released. */
  #renew(): Promise<void> {
    this.#checkDeadline();
    if (this.#phase !== 'held') return Promise.resolve();
    this.#exchange ??= this.#renewOnce().finally(() => {
      this.#exchange = undefined;
    });
    return this.#exchange;
  }

  async #renewOnce(): Promise<void> {
    const { backend, request, runtime } = this.#options;
    const [sentAtMs, sentLeadMs] = [runtime.clock.monotonicMs(), wallLeadMs(runtime.clock)];
    const call = { signal: this.#renewing.signal, timeoutMs: this.#timing.callTimeoutMs };
    const outcome = await backend.lock({ ...request, held: this.#grant }, call);
    this.#checkDeadline();
    if (this.#phase !== 'held') return;
    if (outcome.kind !== 'held') {
      this.#storeSaidLost = true;
      this.#lose('was taken away in the store');
      return;
    }
    this.#grant = outcome.grant;
    const { renewalMs } = this.#timing;
    this.#timing = this.#timingOf(outcome.grant);
    this.#sentAtMs = sentAtMs;
    this.#armEarlier();
    // The next renewal of a shorter grant must not wait for that of the longer.
    if (this.#timing.renewalMs < renewalMs) this.#nap.abort(undefined);
    this.#suspension.trust(sentLeadMs);
    this.#failures = 0;
  }
}

/** Renews a grant until it is released or lost. Loss is final, and nothing is renewed after it. */
export function keepLock(options: KeepLockOptions): LockKeeper {
  const keeper = new Keeper(options);
  keeper.begin();
  return keeper;
}
