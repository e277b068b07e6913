import { addAbortListener } from 'node:events';
import { type CallOptions, ClusterError, type Clock, isClusterError } from '@autocluster/core/backend';

/** One verb, from its call to its answer: what bounds all requests that are made for it. */
export class Exchange {
  readonly operation: string;
  readonly clock: Clock;
  readonly #timeoutMs: number;
  readonly #endsAt: number;
  readonly #over = new AbortController();
  readonly #listening: Disposable | undefined;

  /** Lives as long as the caller's signal, its time, and {@link abort} allow; {@link end} is called when it has settled. */
  constructor(operation: string, { signal, timeoutMs, clock }: CallOptions) {
    this.operation = operation;
    this.clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#endsAt = clock.monotonicMs() + timeoutMs;
    if (signal.aborted) this.abort(signal.reason);
    else this.#listening = addAbortListener(signal, () => this.abort(signal.reason));
  }

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  remainingMs(): number {
    return Math.max(0, Math.ceil(this.#endsAt - this.clock.monotonicMs()));
  }

  abort(reason: unknown): void {
    this.#over.abort(reason);
  }

  /** Lets go of the caller's signal, and ends requests whose answer nobody waits for any more. */
  end(): void {
    this.#listening?.[Symbol.dispose]();
    this.abort(undefined);
  }

  /** Throws when the caller has given up, or there is no time left. */
  assertOngoing(): void {
    if (this.signal.aborted) throw this.interrupted(false);
    if (this.remainingMs() === 0) throw this.expired(false);
  }

  expired(outcomeUnknown: boolean): ClusterError {
    const text = `${this.operation} took longer than ${this.#timeoutMs} ms`;
    return new ClusterError('TIMEOUT', text, { operation: this.operation, outcomeUnknown });
  }

  /** The error of an exchange whose signal was aborted. */
  interrupted(outcomeUnknown: boolean): ClusterError {
    const { operation } = this;
    const cause: unknown = this.signal.reason;
    if (isClusterError(cause, 'TIMEOUT')) return this.expired(outcomeUnknown);
    if (isClusterError(cause, 'CLOSED')) return closedError(operation, outcomeUnknown);
    return new ClusterError('ABORTED', `${operation} was aborted`, { operation, outcomeUnknown, cause });
  }

  /** Settles like `work`, which changes nothing, or rejects as soon as the exchange is aborted. */
  async unlessAborted<T>(work: Promise<T>): Promise<T> {
    let listening: Disposable | undefined;
    const aborted = new Promise<never>((_, reject) => {
      listening = addAbortListener(this.signal, () => reject(this.interrupted(false)));
    });
    try {
      return await Promise.race([work, aborted]);
    } finally {
      listening?.[Symbol.dispose]();
    }
  }
}

export function closedError(operation: string, outcomeUnknown = false): ClusterError {
  return new ClusterError('CLOSED', 'this Kubernetes backend was closed', { operation, outcomeUnknown });
}
