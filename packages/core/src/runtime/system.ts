import { randomUUID } from 'node:crypto';
import type { Clock } from '../backend/index.js';
import type { Runtime } from './runtime.js';

/** The longest delay that the platform's timers take; a longer one would fire at once. */
const LONGEST_TIMER_MS = 2_147_483_647;

export const systemClock: Clock = {
  monotonicMs: () => Number(process.hrtime.bigint() / 1000n) / 1000,
  wallMs: () => Date.now(),
};

/** The real clock, timers and randomness of this process. */
export const systemRuntime: Runtime = {
  clock: systemClock,
  after(delayMs, task) {
    const timer = setTimeout(task, Math.min(Math.max(0, delayMs), LONGEST_TIMER_MS));
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
  uniqueId: () => randomUUID(),
};
