import type { Capabilities, NodeId } from '../backend/index.js';
import type { ClusterDriver } from '../driver/index.js';

/** Which of several targets a node joins: the first in natural order of names, the oldest, or the one with most members. */
export type Select = 'first-by-name' | 'oldest' | 'largest';
/** `stop`: a formation that failed ends in an error. `ignore`: the daemon runs alone, visibly. */
export type OnFailure = 'stop' | 'ignore';
/** What becomes of cluster data that no record names: refuse, destroy it and join, or make it the cluster. */
export type OnLocalData = 'refuse' | 'reset' | 'adopt';
/** What a node does that its cluster has removed: stop, or destroy its data and join again. */
export type OnEvicted = 'stop' | 'rejoin';
/** Whether a blank node joins a member that runs without a majority. */
export type JoinMinority = 'allow' | 'wait';
/**
 * What a blank node does when a cluster is on record and nobody of it is there. `wait`: for its members. `resume`: make the
 * next generation, which loses nothing when the daemon keeps no data. `recreate`: replace exactly this generation, which
 * may lose the data of members that are away.
 */
export type WhenNobodyAlive = 'wait' | 'resume' | { readonly recreate: number };

/** Everything that deciding depends on and that never changes while a node runs. */
export interface FormationConfig {
  readonly self: NodeId;
  readonly data: ClusterDriver['data'];
  readonly views: ClusterDriver['views'];
  readonly concurrentJoins: boolean;
  readonly registration: Capabilities['registration'];
  readonly listConsistency: Capabilities['listConsistency'];
  /** Whether entries carry state and identity. */
  readonly metadata: boolean;
  /** Whether the store tells of everything that changes a list. */
  readonly listsWhenTold: boolean;
  readonly select: Select;
  readonly onFailure: OnFailure;
  readonly onLocalData: OnLocalData;
  readonly onEvicted: OnEvicted;
  readonly joinMinority: JoinMinority;
  readonly whenNobodyAlive: WhenNobodyAlive;
  readonly nodesExpectedMin: number;
  readonly settleMs: number;
  readonly formationTimeoutMs: number | 'unlimited';
  readonly ttlMs: number;
  readonly refreshMs: number;
  /** Longest time between two renewals of a registration. */
  readonly renewalMs: number;
  readonly callTimeoutMs: number;
  /** Longest time until the lock or name of a member that died is free. */
  readonly latestTakeoverMs: number;
}

/** How often a formed node looks at its daemon. */
export const glanceMs = ({ refreshMs, renewalMs }: FormationConfig): number => Math.min(refreshMs, renewalMs);

/**
 * Longest time between two lists of a formed node: each refresh, or, where the store tells of changes, two TTLs. That is how
 * long a change may go unseen whose telling was lost.
 */
export const relistMs = ({ listsWhenTold, refreshMs, ttlMs }: FormationConfig): number =>
  listsWhenTold ? Math.max(refreshMs, 2 * ttlMs) : refreshMs;

/**
 * How long a fact of the store needs to reach everybody: one renewal, and one call that takes as long as a call may. Older
 * lists are stale, and shorter silences prove nothing.
 */
export const propagationMs = (config: FormationConfig): number => config.renewalMs + config.callTimeoutMs;

/** Whether what was asked for then says too little of now: others may have been told something since. */
export const isOld = (config: FormationConfig, askedAtMs: number, nowMs: number): boolean =>
  nowMs - askedAtMs > propagationMs(config);

/** Whoever waits looks again after this time at the latest. */
export const LONGEST_RETRY_MS = 5_000;

/**
 * Longest time between two lists over which a silence counts as heard. Everybody who waits lists more often; who did not was
 * stopped, and a whole cluster can form in another store, and the former store be put back, while nobody looks.
 */
export const unheardMs = (config: FormationConfig): number =>
  Math.max(config.settleMs, propagationMs(config) + LONGEST_RETRY_MS);
