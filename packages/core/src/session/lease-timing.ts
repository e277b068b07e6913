import type { Bound, Capabilities } from '../backend/index.js';
import { invalidRange, requireWhole } from '../errors/index.js';

/** Share by which the clock of a machine may run fast or slow. */
export const CLOCK_DRIFT = 1e-3;
/** Exchanges that must fit, failures included, between the start of a renewal and the deadline. */
export const RENEWAL_TRIES = 2;

const LONGEST_TTL_MS = 24 * 60 * 60 * 1000;
const LONGEST_CALL_MS = 5_000;
const LONGEST_BACKOFF_MS = 500;

/** All durations that follow from a TTL, in ms. Each is counted from the moment when the last good request was sent. */
export interface LeaseTiming {
  readonly ttlMs: number;
  /** Between renewals; jitter only shortens it. */
  readonly renewalMs: number;
  readonly callTimeoutMs: number;
  /** Before the first retry of a renewal that failed. */
  readonly backoffMs: number;
  /** When we stop to rely on what was not renewed. */
  readonly deadlineMs: number;
  /** How long guarded work may take to stop after the deadline. */
  readonly stopBudgetMs: number;
  /** Before this nobody else can have what we hold. */
  readonly earliestTakeoverMs: number;
  /** After this anybody else can, in a healthy store. */
  readonly latestTakeoverMs: number;
  /** From our deadline to the earliest takeover, with both clocks at their worst; contains the stop budget. */
  readonly guaranteedGapMs: number;
  /** Worst time until we know that what we held is gone, while the store answers. */
  readonly detectionMs: number;
  readonly takeover: Capabilities['takeover'];
}

export interface LeaseTimingOptions {
  readonly capabilities: Capabilities;
  readonly ttlMs: number;
  /** Default: a sixth of the TTL, at most 5 s. */
  readonly callTimeoutMs?: number | undefined;
}

const WORST_DRIFT = (1 + CLOCK_DRIFT) / (1 - CLOCK_DRIFT);
const at = ({ timesTtl, plusMs }: Bound, ttlMs: number): number => timesTtl * ttlMs + plusMs;
const shown = (ms: number): string => String(Math.round(ms * 10) / 10);

export function defaultCallTimeoutMs(ttlMs: number): number {
  return Math.max(1, Math.floor(Math.min(LONGEST_CALL_MS, ttlMs / 6)));
}

function compute(takeover: Capabilities['takeover'], ttlMs: number, callTimeoutMs: number): LeaseTiming {
  const renewalMs = ttlMs / 3;
  const backoffMs = Math.min(LONGEST_BACKOFF_MS, ttlMs / 20);
  const stopBudgetMs = Math.ceil(ttlMs / 10);
  const earliestTakeoverMs = at(takeover.earliest, ttlMs);
  // After one TTL the store may have dropped the lease, even where others must wait longer.
  const deadlineMs = (Math.min(earliestTakeoverMs, ttlMs) - stopBudgetMs) / WORST_DRIFT;
  return Object.freeze({
    ttlMs,
    renewalMs,
    callTimeoutMs,
    backoffMs,
    deadlineMs,
    stopBudgetMs,
    earliestTakeoverMs,
    latestTakeoverMs: at(takeover.latest, ttlMs),
    guaranteedGapMs: earliestTakeoverMs - deadlineMs * WORST_DRIFT,
    detectionMs: renewalMs + RENEWAL_TRIES * (callTimeoutMs + backoffMs),
    takeover,
  });
}

/** The TTL that the store will grant for the one that is asked for; throws when it takes none like it. */
function roundedTtl(ttl: Capabilities['ttl'], ttlMs: number): number {
  requireWhole('ttlMs', ttlMs, { min: 1, max: LONGEST_TTL_MS, unit: 'ms' });
  if (ttl === 'none') return ttlMs;
  const rounded = Math.ceil(ttlMs / ttl.stepMs) * ttl.stepMs;
  const inSteps = ttl.stepMs === 1 ? '' : ` in steps of ${ttl.stepMs} ms`;
  const allowed = `${ttl.minMs} to ${ttl.maxMs} ms${inSteps}, the limits of the store's ttl`;
  if (ttlMs < ttl.minMs || rounded > ttl.maxMs) throw invalidRange('ttlMs', ttlMs, allowed);
  return rounded;
}

function requireRelations(timing: LeaseTiming, askedCallTimeoutMs: number | undefined): void {
  const { ttlMs, renewalMs, callTimeoutMs, backoffMs, deadlineMs, stopBudgetMs, detectionMs } = timing;
  const { earliestTakeoverMs, latestTakeoverMs } = timing;
  const [early, late] = [shown(earliestTakeoverMs), shown(latestTakeoverMs)];
  if (latestTakeoverMs < earliestTakeoverMs) {
    const relation = `one whose latest takeover (${late} ms) is not before the earliest (${early} ms)`;
    throw invalidRange('ttlMs', ttlMs, relation);
  }
  if (deadlineMs <= 0) {
    const relation = `deadline + stop budget ≤ earliest takeover, but a stop budget of ttlMs / 10 = ${shown(stopBudgetMs)} ms`;
    throw invalidRange('ttlMs', ttlMs, `${relation} leaves nothing of takeover.earliest = ${early} ms`);
  }
  if (detectionMs <= deadlineMs) return;
  const sum = `${shown(renewalMs)} + ${RENEWAL_TRIES} × (${shown(callTimeoutMs)} + ${shown(backoffMs)})`;
  const relation = `renewal + ${RENEWAL_TRIES} × (callTimeoutMs + backoff) ≤ deadline`;
  const numbers = `${sum} = ${shown(detectionMs)} > ${shown(deadlineMs)} ms`;
  const settings = `ttlMs ${ttlMs}, callTimeoutMs ${shown(callTimeoutMs)}, takeover.earliest ${early} ms`;
  const text = `values for which ${relation}; here ${numbers} with ${settings}`;
  if (askedCallTimeoutMs === undefined) throw invalidRange('ttlMs', ttlMs, text);
  throw invalidRange('callTimeoutMs', askedCallTimeoutMs, text);
}

/**
 * What a TTL means for everybody concerned. Throws when the numbers cannot work together: every relation that the safety
 * of locks and registrations rests on is checked here, before anything is started.
 */
export function leaseTiming({ capabilities, ttlMs, callTimeoutMs }: LeaseTimingOptions): LeaseTiming {
  const granted = roundedTtl(capabilities.ttl, ttlMs);
  if (callTimeoutMs !== undefined) requireWhole('callTimeoutMs', callTimeoutMs, { min: 1, max: ttlMs, unit: 'ms' });
  const timing = compute(capabilities.takeover, granted, callTimeoutMs ?? defaultCallTimeoutMs(ttlMs));
  requireRelations(timing, callTimeoutMs);
  return timing;
}

/**
 * The timing of what the store granted, which need not be what was asked for. Never throws: with a TTL that is too short
 * to be safe, the deadline comes early, and loss is what follows.
 */
export function grantedTiming(asked: LeaseTiming, ttlMs: number | undefined): LeaseTiming {
  if (ttlMs === undefined || ttlMs === asked.ttlMs) return asked;
  const granted = Math.min(ttlMs, LONGEST_TTL_MS);
  return compute(asked.takeover, granted, Math.min(asked.callTimeoutMs, defaultCallTimeoutMs(granted)));
}

/** The timing of a grant whose asked TTL nobody knows any more. */
export function timingOfGrant(capabilities: Capabilities, ttlMs: number): LeaseTiming {
  const granted = Math.min(ttlMs, LONGEST_TTL_MS);
  return compute(capabilities.takeover, granted, defaultCallTimeoutMs(granted));
}
