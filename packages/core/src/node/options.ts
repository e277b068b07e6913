import type { Backend } from '../backend/index.js';
import { type CleanupOptions, type CleanupPolicy, resolveCleanup } from '../cleanup/index.js';
import type { ClusterDriver } from '../driver/index.js';
import { ClusterError, invalidRange, invalidType, requireKnown, requireOneOf, requireWhole } from '../errors/index.js';
import type {
  FormationConfig,
  JoinMinority,
  OnEvicted,
  OnFailure,
  OnLocalData,
  Select,
  WhenNobodyAlive,
} from '../formation/index.js';
import { checkManifest } from '../guard/index.js';
import type { Logger } from '../runtime/index.js';
import { type LeaseTiming, leaseTiming } from '../session/index.js';
import type { ClusterEvent } from './event.js';

export interface ClusterNodeOptions {
  /** The store, bound to one cluster name. */
  readonly backend: Backend;
  /** The daemon that is clustered. */
  readonly driver: ClusterDriver;
  /** Texts that the node's entry carries. Default: none. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** How long the store keeps the entry or lock of a node that died, in ms. Default: 30000. */
  readonly ttlMs?: number;
  /** Longest time of one exchange with the store, in ms. Default: a sixth of `ttlMs`, at most 5000. */
  readonly callTimeoutMs?: number;
  /** How often a formed node looks at store and daemon, in ms. Default: a third of `ttlMs`, at most 10000. */
  readonly refreshMs?: number;
  /**
   * How long nothing may speak against a first create, in ms. Default: 0. At least one renewal plus one call closes the last
   * window in which a store that was wiped while nobody was listed looks like a new one; the first formation then takes
   * that much longer.
   */
  readonly settleMs?: number;
  /** How long the daemon may take to create, join or reset, in ms. Default: 120000. */
  readonly workMs?: number;
  /** A first cluster is not created before so many nodes are listed. Default: 1. */
  readonly nodesExpectedMin?: number;
  /**
   * How long formation may make no progress, in ms. Default: 300000. It bounds the start: a node that was formed once waits
   * for as long as it takes, and stays listed meanwhile. A wait for `settleMs` that has begun is waited for.
   */
  readonly formationTimeoutMs?: number | 'unlimited';
  /** Longest time that `stop` takes, in ms. After half of it the entry is asked to go, whatever still runs. Default: 5000. */
  readonly stopTimeoutMs?: number;
  /** Whether `stop` closes the backend. Default: true. */
  readonly closeBackend?: boolean;
  /** Which of several members is joined. Default: `first-by-name`. */
  readonly select?: Select;
  /** What follows when formation failed. Default: `stop`. */
  readonly onFailure?: OnFailure;
  /** What becomes of cluster data that no record names. Default: `refuse`. */
  readonly onLocalData?: OnLocalData;
  /** What a node does that its cluster removed. Default: `rejoin` for a daemon without data, else `stop`. */
  readonly onEvicted?: OnEvicted;
  /** Whether a node joins a member that runs without a majority. Default: `allow`. */
  readonly joinMinority?: JoinMinority;
  /** What follows when a cluster is on record and none of it is there. Default: `resume` for a daemon without data, else `wait`. */
  readonly whenNobodyAlive?: WhenNobodyAlive;
  /** Removing members that are gone. Default: off; `{}` reports, `{ mode: 'remove' }` removes. */
  readonly cleanup?: CleanupOptions;
  /** Where the node reports to. Default: silent. */
  readonly logger?: Logger;
  /** Called for each event, synchronously. What it throws is logged. */
  readonly onEvent?: (event: ClusterEvent) => void;
}

const OPTIONS: readonly (keyof ClusterNodeOptions)[] = [
  'backend',
  'driver',
  'metadata',
  'ttlMs',
  'callTimeoutMs',
  'refreshMs',
  'settleMs',
  'workMs',
  'nodesExpectedMin',
  'formationTimeoutMs',
  'stopTimeoutMs',
  'closeBackend',
  'select',
  'onFailure',
  'onLocalData',
  'onEvicted',
  'joinMinority',
  'whenNobodyAlive',
  'cleanup',
  'logger',
  'onEvent',
];

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MAX_METADATA_CHARACTERS = 16_384;

/** All options with their defaults. */
export interface NodeSettings {
  readonly formation: FormationConfig;
  readonly timing: LeaseTiming;
  readonly cleanup: CleanupPolicy;
  readonly metadata: Readonly<Record<string, string>>;
  readonly workMs: number;
  readonly stopTimeoutMs: number;
  readonly closeBackend: boolean;
}

export type DriverFacts = Pick<ClusterDriver, 'data' | 'views' | 'concurrentJoins'> & { readonly self: string };

export function requireMetadata(metadata: unknown): Readonly<Record<string, string>> {
  const allowed = `an object of texts, as JSON at most ${MAX_METADATA_CHARACTERS} characters`;
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata))
    throw invalidType('metadata', metadata, allowed);
  const entries = Object.entries(metadata as Record<string, unknown>);
  const texts = entries.map(([name, value]) => {
    if (typeof value !== 'string') throw invalidType(`metadata.${name}`, value, 'a string');
    return [name, value] as const;
  });
  const copy = Object.freeze(Object.fromEntries(texts));
  const { length } = JSON.stringify(copy);
  if (length > MAX_METADATA_CHARACTERS) throw invalidRange('metadata', `${length} characters`, allowed);
  return copy;
}

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

function requireLogger(logger: unknown): void {
  if (logger === undefined) return;
  const isGiven = typeof logger === 'function' || (typeof logger === 'object' && logger !== null);
  const given = isGiven ? (logger as Partial<Record<string, unknown>>) : {};
  if (LEVELS.every((level) => typeof given[level] === 'function')) return;
  throw invalidType('logger', logger, `an object with the functions ${LEVELS.join(', ')}`);
}

function whole(
  options: ClusterNodeOptions,
  name: keyof ClusterNodeOptions,
  fallback: number,
  min: number,
  max: number,
): number {
  const value = options[name];
  return value === undefined
    ? fallback
    : requireWhole(name, value, { min, max, unit: name.endsWith('Ms') ? 'ms' : '' });
}

function oneOf<const T extends string>(
  options: ClusterNodeOptions,
  name: keyof ClusterNodeOptions,
  fallback: T,
  allowed: readonly T[],
): T {
  const value = options[name];
  return value === undefined ? fallback : requireOneOf(name, value, allowed);
}

function whenNobodyAlive({ whenNobodyAlive: value }: ClusterNodeOptions, data: ClusterDriver['data']): WhenNobodyAlive {
  if (value === undefined) return data === 'none' ? 'resume' : 'wait';
  if (typeof value === 'object' && value !== null) {
    return {
      recreate: requireWhole('whenNobodyAlive.recreate', value.recreate, { min: 0, max: Number.MAX_SAFE_INTEGER }),
    };
  }
  const policy = requireOneOf('whenNobodyAlive', value, ['wait', 'resume']);
  if (policy === 'resume' && data === 'durable') {
    const allowed = "'wait' or { recreate: generation }, since the driver's data is durable and resuming would lose it";
    throw invalidRange('whenNobodyAlive', value, allowed);
  }
  return policy;
}

function formationTimeout(
  options: ClusterNodeOptions,
  { latestTakeoverMs, renewalMs }: LeaseTiming,
  settleMs: number,
): number | 'unlimited' {
  if (options.formationTimeoutMs === 'unlimited') return 'unlimited';
  const timeoutMs = whole(options, 'formationTimeoutMs', 300_000, 1, DAY_MS);
  const leastMs = Math.ceil(latestTakeoverMs + renewalMs);
  if (timeoutMs < leastMs) {
    const allowed = `at least ${leastMs} ms, the time until the lock of a node that died is free with this ttlMs, or 'unlimited'`;
    throw invalidRange('formationTimeoutMs', timeoutMs, allowed);
  }
  // A first create would be given up before it has settled.
  if (settleMs >= timeoutMs)
    throw invalidRange('settleMs', settleMs, `less than formationTimeoutMs, which is ${timeoutMs}`);
  return timeoutMs;
}

function requireAbilities({ name, capabilities }: Backend, select: Select, views: ClusterDriver['views']): void {
  if (capabilities.lock === 'none') {
    throw new ClusterError('UNSUPPORTED', `the backend ${name} has no lock, and without one two clusters can form`);
  }
  if (views === 'registration' && !capabilities.metadata) {
    const text = `the driver knows members by what their entries say, and those of the backend ${name} say nothing`;
    throw new ClusterError('UNSUPPORTED', `${text}: it needs explicit members, or a driver with views: 'peer'`);
  }
  if (select === 'oldest' && !capabilities.ordered) {
    throw invalidRange('select', select, `'first-by-name' | 'largest', since the backend ${name} keeps no order`);
  }
}

export function requireOptions(options: unknown, of: string): void {
  if (typeof options !== 'object' || options === null) throw invalidType('options', options, `the options of ${of}`);
}

/** Checks every option, alone and with the others, before anything is started. Throws `INVALID_OPTION` or `UNSUPPORTED`. */
export function resolveOptions(options: ClusterNodeOptions, driver: DriverFacts): NodeSettings {
  requireKnown(options, OPTIONS, 'createClusterNode');
  const { capabilities } = checkManifest(options.backend);
  const ttlMs = whole(options, 'ttlMs', 30_000, 1, DAY_MS);
  const timing = leaseTiming({ capabilities, ttlMs, callTimeoutMs: options.callTimeoutMs });
  const select = oneOf(options, 'select', 'first-by-name', ['first-by-name', 'oldest', 'largest']);
  requireAbilities(options.backend, select, driver.views);
  if (options.closeBackend !== undefined && typeof options.closeBackend !== 'boolean') {
    throw invalidType('closeBackend', options.closeBackend, 'true or false');
  }
  if (options.onEvent !== undefined && typeof options.onEvent !== 'function')
    throw invalidType('onEvent', options.onEvent, 'a function');
  requireLogger(options.logger);
  const { latestTakeoverMs, callTimeoutMs } = timing;
  const settleMs = whole(options, 'settleMs', 0, 0, HOUR_MS);
  return {
    timing,
    cleanup: resolveCleanup(options.cleanup, { latestTakeoverMs, callTimeoutMs, backend: options.backend }),
    metadata: requireMetadata(options.metadata ?? {}),
    workMs: whole(options, 'workMs', 120_000, 1, DAY_MS),
    stopTimeoutMs: whole(options, 'stopTimeoutMs', 5_000, 1, HOUR_MS),
    closeBackend: options.closeBackend ?? true,
    formation: {
      self: driver.self,
      data: driver.data,
      views: driver.views,
      concurrentJoins: driver.concurrentJoins,
      registration: capabilities.registration,
      listConsistency: capabilities.listConsistency,
      metadata: capabilities.metadata,
      listsWhenTold: capabilities.watch && capabilities.watchesExpiry === true,
      select,
      onFailure: oneOf(options, 'onFailure', 'stop', ['stop', 'ignore']),
      onLocalData: oneOf(options, 'onLocalData', 'refuse', ['refuse', 'reset', 'adopt']),
      onEvicted: oneOf(options, 'onEvicted', driver.data === 'none' ? 'rejoin' : 'stop', ['stop', 'rejoin']),
      joinMinority: oneOf(options, 'joinMinority', 'allow', ['allow', 'wait']),
      whenNobodyAlive: whenNobodyAlive(options, driver.data),
      nodesExpectedMin: whole(options, 'nodesExpectedMin', 1, 1, 100_000),
      settleMs,
      formationTimeoutMs: formationTimeout(options, timing, settleMs),
      ttlMs: timing.ttlMs,
      refreshMs: whole(options, 'refreshMs', Math.floor(Math.min(10_000, timing.renewalMs)), 10, HOUR_MS),
      renewalMs: timing.renewalMs,
      callTimeoutMs: timing.callTimeoutMs,
      latestTakeoverMs: timing.latestTakeoverMs,
    },
  };
}
