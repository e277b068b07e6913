import { isClusterError } from '../errors/index.js';
import { backoffMs } from './backoff.js';
import { pause } from './deadline.js';
import type { Runtime } from './runtime.js';

const TRIES = 4;
const BETWEEN_TRIES = { firstMs: 50, maxMs: 400 };

/** Asks again a few times: many processes that act together can keep a store too busy to answer each in time. */
export async function patiently<T>(runtime: Runtime, signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await ask();
    } catch (error) {
      const isLast = attempt + 1 === TRIES || signal.aborted;
      if (isLast || !isClusterError(error) || !error.retryable) throw error;
      await pause(runtime, backoffMs(attempt, BETWEEN_TRIES, runtime.random()), signal);
    }
  }
}
