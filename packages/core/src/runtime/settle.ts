import { deadline, onAbort } from './deadline.js';
import type { Runtime } from './runtime.js';

/** Settles with `work`, however that ends, or at the signal. Never rejects. */
export function orAborted(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const letGo = onAbort(signal, () => resolve());
    const done = () => {
      letGo();
      resolve();
    };
    // oxlint-disable-next-line promise/no-callback-in-promise -- both ends of the work are the same to us
    void work.then(done, done);
  });
}

/** Settles with `work`, however that ends, or when the time is up. Never rejects. */
export async function orLate(runtime: Runtime, work: Promise<unknown>, limitMs: number): Promise<void> {
  const limit = deadline(runtime, limitMs, 'waiting');
  try {
    await orAborted(work, limit.signal);
  } finally {
    limit.clear();
  }
}
