import { addAbortListener } from 'node:events';
import { abortError } from './errors.js';

interface Round<T> {
  readonly answer: Promise<T>;
  readonly signal: AbortSignal;
}

/** The same, or the end of the signal. */
async function within<T>(signal: AbortSignal, answer: Promise<T>): Promise<T> {
  let ending: Disposable | undefined;
  const aborted = new Promise<never>((_, reject) => {
    ending = addAbortListener(signal, () => reject(abortError(signal, 'ask')));
  });
  try {
    return await Promise.race([answer, aborted]);
  } finally {
    ending?.[Symbol.dispose]();
  }
}

/** One question for all who ask before it is put: nobody gets an answer that is older than his question. */
export class SharedQuestion<T> {
  readonly #put: (signal: AbortSignal) => Promise<T>;
  #next: Round<T> | undefined;

  constructor(put: (signal: AbortSignal) => Promise<T>) {
    this.#put = put;
  }

  /** The question ends with the signal of the first who asked; the others then ask again. Each waits for as long as his own. */
  async ask(signal: AbortSignal): Promise<T> {
    if (signal.aborted) throw abortError(signal, 'ask');
    const round = (this.#next ??= this.#open(signal));
    try {
      return await (round.signal === signal ? round.answer : within(signal, round.answer));
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
