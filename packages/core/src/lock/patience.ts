import type { NodeId } from '../backend/index.js';
import { anySignal, type CancelTimer, type Runtime } from '../runtime/index.js';

/**
 * How long a contender still waits. The budget begins anew whenever the lock changes hands: a long queue that moves is
 * progress, one that stands still is not.
 */
export class Patience {
  readonly #runtime: Runtime;
  readonly #waitMs: number;
  readonly #beganAtMs: number;
  readonly #ended = anySignal([]);
  #cancel: CancelTimer = () => undefined;
  #holder: NodeId | undefined;
  #ahead: NodeId | undefined;

  constructor(runtime: Runtime, waitMs: number) {
    this.#runtime = runtime;
    this.#waitMs = waitMs;
    this.#beganAtMs = runtime.clock.monotonicMs();
    this.#renew();
  }

  /** Aborts when the patience is over. */
  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  get waitedMs(): number {
    return Math.round(this.#runtime.clock.monotonicMs() - this.#beganAtMs);
  }

  /** The last holder that was seen. */
  get holder(): NodeId | undefined {
    return this.#holder;
  }

  /** Who is waiting before us in this process. */
  get ahead(): NodeId | undefined {
    return this.#ahead;
  }

  #renew(): void {
    this.#cancel();
    const isTimed = this.#waitMs > 0 && this.#waitMs < Number.POSITIVE_INFINITY;
    if (!isTimed || this.signal.aborted) return;
    this.#cancel = this.#runtime.after(this.#waitMs, () => this.#ended.abort(undefined));
  }

  sawHolder(holder: NodeId | undefined): void {
    if (holder === undefined) return;
    if (this.#holder !== undefined && holder !== this.#holder) this.#renew();
    this.#holder = holder;
  }

  /** Somebody before us in this process got the lock, maybe under the name of the holder before. */
  passedTo(holder: NodeId): void {
    this.#renew();
    this.#holder = holder;
  }

  /** Somebody else of this process asks the store for the lock, and does not have it yet. */
  waitsBehind(owner: NodeId): void {
    this.#ahead = owner;
  }

  clear(): void {
    this.#cancel();
  }
}
