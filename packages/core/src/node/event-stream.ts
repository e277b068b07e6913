import { onAbort } from '../runtime/index.js';

export interface EventStreamOptions<T> {
  readonly signal: AbortSignal | undefined;
  /** How many events it keeps that nobody has read. */
  readonly buffer: number;
  /** What is said of events that were dropped. */
  readonly dropped: (count: number) => T;
  /** Nobody reads it any more. */
  readonly onEnd: (stream: EventStream<T>) => void;
}

type Result<T> = IteratorResult<T, undefined>;
const DONE = { done: true, value: undefined } as const;

/** Events for one reader, from the moment in which it is made. Says how many it had to drop. */
export class EventStream<T> implements AsyncIterableIterator<T, undefined> {
  readonly #options: EventStreamOptions<T>;
  readonly #kept: T[] = [];
  readonly #readers: ((result: Result<T>) => void)[] = [];
  #letGo = (): void => undefined;
  #dropped = 0;
  #ended = false;

  constructor(options: EventStreamOptions<T>) {
    this.#options = options;
    if (options.signal) this.#letGo = onAbort(options.signal, () => this.end());
  }

  push(event: T): void {
    if (this.#ended) return;
    const reader = this.#readers.shift();
    if (reader) return reader({ done: false, value: event });
    this.#kept.push(event);
    if (this.#kept.length <= this.#options.buffer) return;
    this.#kept.shift();
    this.#dropped += 1;
  }

  /** Nothing comes after what is kept. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#letGo();
    this.#options.onEnd(this);
    for (const reader of this.#readers.splice(0)) reader(DONE);
  }

  next(): Promise<Result<T>> {
    if (this.#dropped > 0) {
      const value = this.#options.dropped(this.#dropped);
      this.#dropped = 0;
      return Promise.resolve({ done: false, value });
    }
    const value = this.#kept.shift();
    if (value) return Promise.resolve({ done: false, value });
    if (this.#ended) return Promise.resolve(DONE);
    return new Promise((resolve) => this.#readers.push(resolve));
  }

  return(): Promise<Result<T>> {
    this.#dropped = 0;
    this.#kept.length = 0;
    this.end();
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
