import { onAbort } from '../runtime/index.js';

type Hint = (signal: AbortSignal) => Promise<void>;

/** A hint that settles at its signal at once, and never throws: one that fails, or is nonsense, never fires. */
export function guardHint(hint: CallableFunction): Hint {
  return (signal) =>
    new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const letGo = onAbort(signal, () => resolve());
      const fire = () => {
        letGo();
        resolve();
      };
      void call(hint, signal).then(fire, () => undefined);
    });
}

const call = async (hint: CallableFunction, signal: AbortSignal): Promise<unknown> => hint(signal);
