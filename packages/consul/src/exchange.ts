import { addAbortListener } from 'node:events';
import { type CallOptions, ClusterError, isClusterError } from '@autocluster/core/backend';
import { afterWrite } from './errors.js';

/** One verb, from its call to its answer: what bounds all requests that are made for it. */
export class Exchange {
  readonly operation: string;
  readonly #options: CallOptions;
  readonly #endsAtMs: number;
  readonly #over = new AbortController();
  readonly #listening: Disposable | undefined;

  /** Lives as long as the caller's signal, its time, and {@link abort} allow; {@link end} is called when it has settled. */
  constructor(operation: string, options: CallOptions) {
    this.operation = operation;
    this.#options = options;
    this.#endsAtMs = options.clock.monotonicMs() + options.timeoutMs;
    if (options.signal.aborted) this.abort(options.signal.reason);
    else this.#listening = addAbortListener(options.signal, () => this.abort(options.signal.reason));
  }

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  remainingMs(): number {
    return Math.max(0, Math.ceil(this.#endsAtMs - this.#options.clock.monotonicMs()));
  }

  abort(reason: unknown): void {
    this.#over.abort(reason);
  }

  /** Lets go of the caller's signal, and ends requests whose answer nobody waits for any more. */
  end(): void {
    this.#listening?.[Symbol.dispose]();
    this.abort(undefined);
  }

  /** An exchange of its own time, which the caller's abort does not end. */
  apart(timeoutMs: number): Exchange {
    return new Exchange(this.operation, { ...this.#options, timeoutMs, signal: new AbortController().signal });
  }

  /** Throws when the caller has given up, or there is no time left. */
  assertOngoing(): void {
    if (this.signal.aborted) throw this.interrupted(false);
    if (this.remainingMs() === 0) throw this.expired(false);
  }

  expired(outcomeUnknown: boolean): ClusterError {
    const text = `${this.operation} took longer than ${this.#options.timeoutMs} ms`;
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
  return new ClusterError('CLOSED', 'this Consul backend was closed', { operation, outcomeUnknown });
}

/** Both results; of two failures that of the write, which knows whether it may have happened. A failed read does not undo it. */
export async function bothOf<W, R>(write: Promise<W>, read: Promise<R>): Promise<readonly [W, R]> {
  const [written, seen] = await Promise.allSettled([write, read]);
  if (written.status === 'rejected') throw written.reason;
  if (seen.status === 'rejected') throw afterWrite(seen.reason);
  return [written.value, seen.value];
}
