import type { Place } from './place.ts';

export interface IdleTask {
  /** Undefined: nothing at all, for comparison. */
  readonly place: Place | undefined;
  readonly nodes: number;
  readonly settleMs: number;
  readonly watchMs: number;
}

/** Of one process. */
export interface IdleFigures {
  readonly rssMb: number;
  /** Timers, sockets and so on that keep the process alive, by kind. */
  readonly alive: Readonly<Record<string, number>>;
  readonly cpuMsPerMinute: number;
  readonly exchangesPerMinute: number;
}
