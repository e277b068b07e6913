import { type Capabilities, ClusterError } from '../backend/index.js';
import { invalidRange, invalidType, requireKnown, requireOneOf, requireWhole } from '../errors/index.js';

export interface CleanupOptions {
  /**
   * `off`: dead members stay until an operator removes them with the daemon's own tools. `report`: the plan is made and
   * told, and nobody is removed. `remove`: what no brake holds is removed. Default: `report`; without `cleanup`: `off`.
   */
  readonly mode?: 'off' | 'report' | 'remove';
  /** How often the executor looks, in ms. Default: 60000. At least three times `callTimeoutMs`. */
  readonly intervalMs?: number;
  /**
   * How long a member must be away without interruption before it may be removed, in ms. Default and least: the longer of
   * three intervals and the latest takeover of a registration plus `restartMs`.
   */
  readonly graceMs?: number;
  /** How long the slowest restart of a daemon takes, in ms: part of the least grace. Default: 60000. */
  readonly restartMs?: number;
  /** How often it must have been seen to be away. Default: 3. */
  readonly observationsMin?: number;
  /** How many listed members may be out of the executor's reach while it removes others. Default: 0. */
  readonly observersUnknownMax?: number;
  /** How many members must be left. Default: 2. */
  readonly membersMin?: number;
  /** Most removals in one tick. Default: 1. */
  readonly removalsPerTickMax?: number;
  /** Largest share of the base that one plan may remove, from 0 to 1. Default: 0.5. */
  readonly removalRatioMax?: number;
  /** Largest share of the base that may be unlisted while anybody is removed, from 0 to 1. Default: 0.5. */
  readonly listShrinkRatioMax?: number;
  /** Most names that the record remembers as removed. Default: 500. */
  readonly removedMax?: number;
  /** How many ticks the history keeps. Default: 100. */
  readonly historyMax?: number;
}

/** All options with their defaults. */
export type CleanupPolicy = Required<Omit<CleanupOptions, 'restartMs'>>;

/** What the policy has to fit to. */
export interface CleanupSurroundings {
  readonly latestTakeoverMs: number;
  readonly callTimeoutMs: number;
  readonly backend: { readonly name: string; readonly capabilities: Capabilities };
}

const OPTIONS: readonly (keyof CleanupOptions)[] = [
  'mode',
  'intervalMs',
  'graceMs',
  'restartMs',
  'observationsMin',
  'observersUnknownMax',
  'membersMin',
  'removalsPerTickMax',
  'removalRatioMax',
  'listShrinkRatioMax',
  'removedMax',
  'historyMax',
];

const DAY_MS = 86_400_000;
const MOST = 100_000;
/** Looks that must fit into a grace, and exchanges that must fit between two looks. */
const INTERVALS_PER_GRACE = 3;
const CALLS_PER_INTERVAL = 3;

function whole(
  options: CleanupOptions,
  name: keyof CleanupOptions,
  fallback: number,
  min: number,
  max: number,
): number {
  const value = options[name];
  if (value === undefined) return fallback;
  return requireWhole(`cleanup.${name}`, value, { min, max, unit: name.endsWith('Ms') ? 'ms' : '' });
}

function ratio(options: CleanupOptions, name: keyof CleanupOptions, fallback: number): number {
  const value: unknown = options[name];
  if (value === undefined) return fallback;
  if (typeof value !== 'number') throw invalidType(`cleanup.${name}`, value, 'a number from 0 to 1');
  if (!(value >= 0 && value <= 1)) throw invalidRange(`cleanup.${name}`, value, 'a number from 0 to 1');
  return value;
}

function intervalOf(options: CleanupOptions, { callTimeoutMs }: CleanupSurroundings): number {
  const intervalMs = whole(options, 'intervalMs', 60_000, 1, DAY_MS);
  const leastMs = Math.ceil(CALLS_PER_INTERVAL * callTimeoutMs);
  if (intervalMs >= leastMs) return intervalMs;
  const allowed = `at least ${leastMs} ms, ${CALLS_PER_INTERVAL} × callTimeoutMs, so that one look ends before the next`;
  throw invalidRange('cleanup.intervalMs', intervalMs, allowed);
}

function graceOf(options: CleanupOptions, intervalMs: number, { latestTakeoverMs }: CleanupSurroundings): number {
  const restartMs = whole(options, 'restartMs', 60_000, 0, DAY_MS);
  const leastMs = Math.ceil(Math.max(INTERVALS_PER_GRACE * intervalMs, latestTakeoverMs + restartMs));
  const graceMs = whole(options, 'graceMs', leastMs, 1, 7 * DAY_MS);
  if (graceMs >= leastMs) return graceMs;
  const parts = `${INTERVALS_PER_GRACE} × intervalMs and latest takeover ${Math.ceil(latestTakeoverMs)} + restartMs ${restartMs}`;
  throw invalidRange('cleanup.graceMs', graceMs, `at least ${leastMs} ms, the longer of ${parts}`);
}

/**
 * A store that cannot say for certain who is there must not decide who is gone. Throws `UNSUPPORTED`; `what` is what was asked
 * for.
 */
export function requireAbilities({ name, capabilities }: CleanupSurroundings['backend'], what: string): void {
  const { lock, listConsistency, tokenIsRevision } = capabilities;
  const refuse = (text: string) => new ClusterError('UNSUPPORTED', `${what} needs ${text}`, { operation: 'cleanup' });
  if (lock !== 'fenced') throw refuse(`fenced locks, and the backend ${name} has ${lock}`);
  if (listConsistency === 'eventual' && tokenIsRevision !== true)
    throw refuse(`lists that are not late, and those of the backend ${name} may be`);
}

/** Checks every option, alone and with the others. Throws `INVALID_OPTION` or `UNSUPPORTED`. */
export function resolveCleanup(given: CleanupOptions | undefined, surroundings: CleanupSurroundings): CleanupPolicy {
  if (given !== undefined && (typeof given !== 'object' || given === null)) {
    throw invalidType('cleanup', given, "an object of options, e.g. { mode: 'report' }");
  }
  const options = given ?? { mode: 'off' };
  requireKnown(options, OPTIONS, 'cleanup');
  const mode = requireOneOf('cleanup.mode', options.mode ?? 'report', ['off', 'report', 'remove']);
  if (mode === 'remove') requireAbilities(surroundings.backend, "cleanup.mode 'remove'");
  const intervalMs = mode === 'off' && options.intervalMs === undefined ? 60_000 : intervalOf(options, surroundings);
  return Object.freeze({
    mode,
    intervalMs,
    graceMs: graceOf(options, intervalMs, surroundings),
    observationsMin: whole(options, 'observationsMin', 3, 1, MOST),
    observersUnknownMax: whole(options, 'observersUnknownMax', 0, 0, MOST),
    membersMin: whole(options, 'membersMin', 2, 1, MOST),
    removalsPerTickMax: whole(options, 'removalsPerTickMax', 1, 1, MOST),
    removalRatioMax: ratio(options, 'removalRatioMax', 0.5),
    listShrinkRatioMax: ratio(options, 'listShrinkRatioMax', 0.5),
    removedMax: whole(options, 'removedMax', 500, 1, 10_000),
    historyMax: whole(options, 'historyMax', 100, 1, MOST),
  });
}
