import { addAbortListener } from 'node:events';
import type { Notice } from './notice.js';

/** Waits for news without losing any between two waits. */
export interface NewsWaiter {
  /** True at news since the last call, false when no more will come. */
  next(): Promise<boolean>;
  stop(): void;
}

/** Listens until `stop`, until one of the signals aborts, or until the system ends the watch. */
export function waitForNews(notice: Notice, signals: readonly AbortSignal[]): NewsWaiter {
  let fresh = false;
  let over = signals.some((signal) => signal.aborted);
  let wake = () => undefined as void;
  const stopListening = notice.listen((news) => {
    if (news === 'changed') fresh = true;
    else over = true;
    wake();
  });
  const stop = () => {
    over = true;
    stopListening();
    for (const listener of listeners) listener[Symbol.dispose]();
    wake();
  };
  const listeners = signals.filter((signal) => !signal.aborted).map((signal) => addAbortListener(signal, stop));
  if (over) stop();
  return {
    async next() {
      if (!fresh && !over) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      if (over) stop();
      fresh = false;
      return !over;
    },
    stop,
  };
}
