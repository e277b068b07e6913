import type { Backend } from '../backend/index.js';
import { checkDriver } from '../guard/index.js';
import { propagationMs, relistMs } from '../formation/index.js';
import { processDriver } from './process-driver.js';
import { type ClusterNodeOptions, type NodeSettings, requireOptions, resolveOptions } from './options.js';

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
  /** How long a member is away, without interruption, before cleanup may remove it. undefined while cleanup is off. */
  readonly graceMs: number | undefined;
  /**
   * Longest time from the last renewal of a member that died to its removal by cleanup, besides what the daemon's own
   * `forget` takes: while store and daemons answer in time, nobody else holds the formation lock, and no brake holds.
   * undefined unless `cleanup.mode` is `remove`.
   */
  readonly removalMs: number | undefined;
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

/** Exchanges in a row: one look; taking the lock, looking, proving both locks and letting go. */
const CALLS_OF_A_LOOK = 4;
const CALLS_OF_A_STEP = 1 + CALLS_OF_A_LOOK + 2 + 1;

function removalMs({ timing, cleanup }: NodeSettings): number | undefined {
  if (cleanup.mode !== 'remove') return undefined;
  // Seen to be away by the next look, and again by the first one after the grace; then the mark and the removal.
  const looksMs = 2 * (cleanup.intervalMs + CALLS_OF_A_LOOK * timing.callTimeoutMs);
  return timing.latestTakeoverMs + looksMs + cleanup.graceMs + 2 * CALLS_OF_A_STEP * timing.callTimeoutMs;
}

/** What a configuration buys: throws what `createClusterNode` would throw for it. */
export function describeTiming(options: TimingOptions): Timing {
  requireOptions(options, 'describeTiming');
  const driver = options.driver === undefined ? processDriver() : options.driver;
  const settings = resolveOptions({ ...options, driver }, checkDriver(driver));
  const { timing, formation } = settings;
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
    graceMs: settings.cleanup.mode === 'off' ? undefined : settings.cleanup.graceMs,
    removalMs: removalMs(settings),
    // The next renewal tells that it is gone; for another one nobody else may put it back.
    restoreAfterMs: 2 * timing.renewalMs + formation.refreshMs,
    settleMs: formation.settleMs,
    wipedStoreWindow: formation.settleMs >= toClose ? 'closed' : 'open',
    settleMsToClose: toClose,
  };
}
