import { abortError } from './errors.js';

interface Round<T> {
  readonly answer: Promise<T>;
  readonly signal: AbortSignal;
}

/** One question for all who ask before it is put: nobody gets an answer that is older than his question. */
export class SharedQuestion<T> {
  readonly #put: (signal: AbortSignal) => Promise<T>;
  #next: Round<T> | undefined;

  constructor(put: (signal: AbortSignal) => Promise<T>) {
    this.#put = put;
  }

  /** The question ends with the signal of the first who asked; the others then ask again. */
  async ask(signal: AbortSignal): Promise<T> {
    if (signal.aborted) throw abortError(signal, 'ask');
    const round = (this.#next ??= this.#open(signal));
    try {
      return await round.answer;
    } catch (error) {
      if (round.signal === signal || !round.signal.aborted) throw error;
      return this.ask(signal);
    }
  }

  #open(signal: AbortSignal): Round<T> {
    const put = () => {
      this.#next = undefined;
      return this.#put(signal);
    };
    return { answer: Promise.resolve().then(put), signal };
  }
}
