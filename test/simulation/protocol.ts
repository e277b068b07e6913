import type { Plan, Statistics, Violation } from '@autocluster/testing';

/** What a worker is told. */
export interface Job {
  readonly seed: string;
  readonly from: number;
  /** The first one that nobody runs. */
  readonly until: number;
  /** It takes every so manieth history. */
  readonly stride: number;
  readonly faults: readonly string[] | undefined;
  readonly nodes: number | undefined;
  /** No new history is begun after so many ms. */
  readonly limitMs: number | undefined;
  /** Stop at the first violation. */
  readonly untilFirst: boolean;
}

export interface Finding {
  readonly seed: string;
  readonly plan: Plan;
  readonly violations: readonly Violation[];
}

/** What it tells, since the last time. */
export interface Progress {
  readonly statistics: Statistics;
  readonly findings: readonly Finding[];
  readonly cpuMs: number;
  readonly done: boolean;
}

/** The name of history number `index` in a run. */
export const seedOf = (seed: string, index: number): string => `${seed}-${index}`;
