import type { JoinMinority, OnEvicted, OnLocalData, Select, WhenNobodyAlive } from '@autocluster/core';

/** Values that survive JSON, so that a plan can be kept in a file. */
export type PlanValue = string | number | boolean | readonly PlanValue[] | { readonly [name: string]: PlanValue };
export type PlanValues = Readonly<Record<string, PlanValue>>;

/**
 * What kind of store it is. `full`: everything, as etcd has it. `consul`: longer takeover and a lock delay. `late`: lists
 * may be a second old. `separate`: record and lock are not one write. `plain`: no order and no watch.
 */
export type StoreKind = 'full' | 'consul' | 'late' | 'separate' | 'plain';

/** What all nodes of one history have in common. All times in ms. */
export interface Traits {
  readonly nodes: number;
  /** `durable`: daemons with data and a view of their own. `process`: `processDriver`. `own`: the caller's driver. */
  readonly daemon: 'durable' | 'process' | 'own';
  readonly concurrentJoins: boolean;
  /** How long each step of a daemon's work takes. */
  readonly stepMs: number;
  readonly store: StoreKind;
  /** Longest time of a message on its way, in each direction. */
  readonly latencyMs: number;
  /** Most by which a clock runs fast or slow. */
  readonly drift: number;
  readonly ttlMs: number;
  readonly settleMs: number;
  /** How long a daemon's work may take. */
  readonly workMs: number;
  readonly nodesExpectedMin: number;
  readonly formationTimeoutMs: number | 'unlimited';
  readonly select: Select;
  readonly onEvicted: OnEvicted;
  readonly onLocalData: OnLocalData;
  readonly joinMinority: JoinMinority;
  readonly whenNobodyAlive: WhenNobodyAlive;
  /** Nodes work under a lock of their own, all of them under the same one. */
  readonly jobs: boolean;
  /** Whether dead members are looked for, and removed. */
  readonly cleanup: 'off' | 'report' | 'remove';
  /** Somebody asks each node again and again how it is. */
  readonly checkups: boolean;
  /** When each node starts. */
  readonly startsMs: readonly number[];
}

/** The names of its nodes. */
export const nodesOf = ({ nodes }: Pick<Traits, 'nodes'>): readonly string[] =>
  Array.from({ length: nodes }, (_, index) => `n${index + 1}`);

/** One thing that goes wrong. */
export interface Happening {
  /** True time since the beginning, in ms. */
  readonly atMs: number;
  /** Row of the fault catalogue. */
  readonly fault: string;
  readonly values: PlanValues;
}

/** Everything that decides a history. The same plan makes the same history. */
export interface Plan {
  readonly seed: string | number;
  readonly traits: Traits;
  readonly happenings: readonly Happening[];
  /** When every fault ends, in ms since the beginning. */
  readonly healAtMs: number;
  /** How long everything goes on after all is well, in ms. */
  readonly quietMs: number;
}
