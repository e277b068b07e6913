import type { Backend } from '../backend/index.js';
import { propagationMs, relistMs } from '../formation/index.js';
import { processDriver } from './process-driver.js';
import { type ClusterNodeOptions, resolveOptions } from './options.js';

/** Every bound that follows from a configuration, in ms. */
export interface Timing {
  /** Longest time between two renewals. */
  readonly renewalMs: number;
  readonly callTimeoutMs: number;
  /** A holder stops to rely on its lock this long after the last renewal that succeeded was sent. */
  readonly lockDeadlineMs: number;
  /** How long guarded work has to stop after that. */
  readonly stopBudgetMs: number;
  /** Nobody else can hold the lock or the name earlier than this after the last renewal. */
  readonly earliestTakeoverMs: number;
  /** Somebody else can after this, while the store is healthy. */
  readonly latestTakeoverMs: number;
  /** Between the holder's deadline and the earliest takeover, with clocks that drift. */
  readonly guaranteedGapMs: number;
  /** Worst time until the others do not list a member any more that died. */
  readonly detectionMs: number;
  /** Worst time until formation goes on after the node that held the lock died. */
  readonly formationAfterCrashMs: number;
  /** How long the members of a cluster must be silent before a node without data makes the next generation. */
  readonly silenceBeforeResumeMs: number;
  /** Longest time between two lists of a formed node: how long it may miss a change that the store failed to tell. */
  readonly relistMs: number;
  /** Worst time until the members put a lost record back. */
  readonly restoreAfterMs: number;
  /** What the first formation waits so that a store which was wiped unseen is not taken for a new one. */
  readonly settleMs: number;
  /** `closed`: `settleMs` is long enough for that. `open`: a store wiped while no member was listed looks new. */
  readonly wipedStoreWindow: 'open' | 'closed';
  /** The smallest `settleMs` that closes the window. */
  readonly settleMsToClose: number;
}

export type TimingOptions = { readonly backend: Backend } & Partial<Omit<ClusterNodeOptions, 'backend'>>;

/** What a configuration buys: throws what `createClusterNode` would throw for it. */
export function describeTiming(options: TimingOptions): Timing {
  const driver = options.driver ?? processDriver();
  const facts = {
    self: driver.self(),
    data: driver.data,
    views: driver.views,
    concurrentJoins: driver.concurrentJoins,
  };
  const { timing, formation } = resolveOptions({ ...options, driver }, facts);
  const toClose = Math.ceil(propagationMs(formation));
  return {
    renewalMs: timing.renewalMs,
    callTimeoutMs: timing.callTimeoutMs,
    lockDeadlineMs: timing.deadlineMs,
    stopBudgetMs: timing.stopBudgetMs,
    earliestTakeoverMs: timing.earliestTakeoverMs,
    latestTakeoverMs: timing.latestTakeoverMs,
    guaranteedGapMs: timing.guaranteedGapMs,
    detectionMs: timing.latestTakeoverMs + relistMs(formation) + timing.callTimeoutMs,
    formationAfterCrashMs:
      timing.latestTakeoverMs + Math.max(propagationMs(formation), formation.settleMs) + formation.refreshMs,
    silenceBeforeResumeMs: Math.max(formation.settleMs, toClose),
    relistMs: relistMs(formation),
    // The next renewal tells that it is gone; for another one nobody else may put it back.
    restoreAfterMs: 2 * timing.renewalMs + formation.refreshMs,
    settleMs: formation.settleMs,
    wipedStoreWindow: formation.settleMs >= toClose ? 'closed' : 'open',
    settleMsToClose: toClose,
  };
}
