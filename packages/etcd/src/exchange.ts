import { addAbortListener } from 'node:events';
import { type CallOptions, ClusterError, isClusterError } from '@autocluster/core/backend';

/** One verb, from its call to its answer: what bounds all requests that are made for it. */
export class Exchange {
  readonly operation: string;
  readonly #options: CallOptions;
  readonly #endsAt: number;
  readonly #over = new AbortController();
  readonly #changing = new Set<Promise<void>>();
  #mayHaveChanged = false;
  readonly #listening: Disposable | undefined;

  /** Lives as long as the caller's signal, its time, and {@link abort} allow; {@link end} is called when it has settled. */
  constructor(operation: string, options: CallOptions) {
    this.operation = operation;
    this.#options = options;
    this.#endsAt = options.clock.monotonicMs() + options.timeoutMs;
    if (options.signal.aborted) this.abort(options.signal.reason);
    else this.#listening = addAbortListener(options.signal, () => this.abort(options.signal.reason));
  }

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  remainingMs(): number {
    return Math.max(0, Math.ceil(this.#endsAt - this.#options.clock.monotonicMs()));
  }

  abort(reason: unknown): void {
    this.#over.abort(reason);
  }

  /** Lets go of the caller's signal, and ends requests whose answer nobody waits for any more. */
  end(): void {
    this.#listening?.[Symbol.dispose]();
    this.abort(undefined);
  }

  /** An exchange that tidies up after this one: the caller's abort does not end it. */
  tidying(timeoutMs: number): Exchange {
    return new Exchange(this.operation, { ...this.#options, timeoutMs, signal: new AbortController().signal });
  }

  /** Whether anything that was asked for has, or may have, changed the store. Final once {@link changes} has settled. */
  get mayHaveChanged(): boolean {
    return this.#mayHaveChanged;
  }

  /** Follows a request that changes the store, unless its answer or failure proves that it did not. */
  async following<T>(
    request: Promise<T>,
    changed: (answer: T) => boolean,
    maybeChanged: (failure: unknown) => boolean,
  ): Promise<T> {
    const note = (may: boolean): void => {
      this.#mayHaveChanged ||= may;
    };
    const followed = request.then(
      (answer) => note(changed(answer)),
      (failure: unknown) => note(maybeChanged(failure)),
    );
    this.#changing.add(followed);
    await followed;
    this.#changing.delete(followed);
    return request;
  }

  /** Settles when no request is under way any more that changes the store. */
  async changes(): Promise<void> {
    await Promise.all(this.#changing);
  }

  /** Throws when the caller has given up, or there is no time left. */
  assertOngoing(): void {
    if (this.signal.aborted) throw this.interrupted();
    if (this.remainingMs() === 0) throw this.expired();
  }

  expired(): ClusterError {
    const text = `${this.operation} took longer than ${this.#options.timeoutMs} ms`;
    const { operation, mayHaveChanged: outcomeUnknown } = this;
    return new ClusterError('TIMEOUT', text, { operation, outcomeUnknown });
  }

  /** The error of an exchange whose signal was aborted. */
  interrupted(): ClusterError {
    const { operation, mayHaveChanged: outcomeUnknown } = this;
    const cause: unknown = this.signal.reason;
    if (isClusterError(cause, 'TIMEOUT')) return this.expired();
    if (isClusterError(cause, 'CLOSED')) return closedError(operation, outcomeUnknown);
    return new ClusterError('ABORTED', `${operation} was aborted`, { operation, outcomeUnknown, cause });
  }

  /** Settles like `work`, which changes nothing, or rejects as soon as the exchange is aborted. */
  async unlessAborted<T>(work: Promise<T>): Promise<T> {
    let listening: Disposable | undefined;
    const aborted = new Promise<never>((_, reject) => {
      listening = addAbortListener(this.signal, () => reject(this.interrupted()));
    });
    try {
      return await Promise.race([work, aborted]);
    } finally {
      listening?.[Symbol.dispose]();
    }
  }
}

export function closedError(operation: string, outcomeUnknown = false): ClusterError {
  return new ClusterError('CLOSED', 'this etcd backend was closed', { operation, outcomeUnknown });
}
