import type { Clock } from '../backend/index.js';

export type CancelTimer = () => void;

/** Everything impure that the core uses. Another one makes every run of the core repeatable. */
export interface Runtime {
  readonly clock: Clock;
  /** Runs `task` once, `delayMs` later, unless cancelled. Keeps the process alive until then. */
  after(delayMs: number, task: () => void): CancelTimer;
  /** At least 0, less than 1. */
  random(): number;
  /** A text that is never made twice. */
  uniqueId(): string;
}
