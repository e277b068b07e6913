import { type ClusterIdentity, sameIdentity } from '../backend/index.js';
import { type FormationConfig, propagationMs, unheardMs } from './config.js';
import { askedAtMsOf, type Observation } from './observation.js';
import { NO_REFUSALS, ofListed, type Refusals } from './refusals.js';
import {
  claimedIdentity,
  committedIdentity,
  highestIdentities,
  identityOf,
  isUnheard,
  listedPeers,
  namesRecord,
  type Peer,
  type Situation,
} from './situation.js';

/**
 * Conditions that must hold without interruption before something may follow from them: `settled` (nothing speaks against
 * a first create), `nobody` (a cluster on record, and none of it listed), `unrecorded` (the own cluster is not on record),
 * `unusable` (ready peers, none of which can be joined), `down` (the own daemon says so), `undersized` (the record counts
 * too few members), `idle` (the record says that nobody is there, and this node is).
 */
export type ClockName = 'settled' | 'nobody' | 'unrecorded' | 'unusable' | 'down' | 'undersized' | 'idle';

interface Running {
  readonly sinceMs: number;
  /** What the condition is about: another subject starts the clock again. */
  readonly subject: string;
}

/** What earlier observations mean for the present one. */
export interface Memory {
  readonly store: string | undefined;
  readonly revision: bigint | undefined;
  /** When the store last was another one, or went back. */
  readonly storeChangedAtMs: number | undefined;
  /** A complete list has shown a record that agrees since the store changed, or the store is again the one that did before. */
  readonly storeChangeSettled: boolean;
  /** The store that last had a record that agrees. */
  readonly agreedStore: string | undefined;
  /** The highest cluster that was on record or listed, or that the own daemon was in, in this run. */
  readonly seen: ClusterIdentity | undefined;
  readonly clocks: Readonly<Partial<Record<ClockName, Running>>>;
  /** When the latest complete list came. */
  readonly listedAtMs: number | undefined;
  readonly refusals: Refusals;
  /** When the cluster last came nearer to being formed: waiting for others is no failure while it does. */
  readonly progressAtMs: number;
  /** The cluster on record that is waited for, and the most nodes that were ready together since then. */
  readonly awaited: string;
  readonly mostReady: number;
  /** Who held the formation lock since then: each of them counts as getting on once. */
  readonly holders: readonly string[];
}

export function freshMemory(nowMs: number): Memory {
  return {
    store: undefined,
    revision: undefined,
    storeChangedAtMs: undefined,
    storeChangeSettled: true,
    agreedStore: undefined,
    seen: undefined,
    clocks: {},
    listedAtMs: undefined,
    refusals: NO_REFUSALS,
    progressAtMs: nowMs,
    awaited: '',
    mostReady: 0,
    holders: [],
  };
}

/**
 * For how long a condition is proved: from when it was first known to the moment at which the latest list was asked for.
 * -1 while it does not hold.
 */
export function heldForMs(memory: Memory, clock: ClockName, observation: Observation): number {
  const running = memory.clocks[clock];
  if (!running) return -1;
  return Math.max(0, askedAtMsOf(observation) - running.sinceMs);
}

/** The cluster on record; or, while the record is missing or has gone back, the one that was seen before in this run. */
export function lastKnown(record: ClusterIdentity | undefined, seen: Memory['seen']): ClusterIdentity | undefined {
  return record && (seen === undefined || seen.generation <= record.generation) ? record : seen;
}

const subjectOf = (identity: ClusterIdentity) => `${identity.clusterId}/${identity.generation}`;

function isBlank(config: FormationConfig, { own }: Situation): boolean {
  if (own.kind === 'unnamed') return own.interruptedJoin || config.onLocalData === 'reset';
  return own.kind !== 'committed';
}

/** Which conditions hold now, each with its subject. */
function conditions(
  config: FormationConfig,
  seen: Memory['seen'],
  situation: Situation,
  { probed }: Observation,
): Map<ClockName, string> {
  const { own, record, peers, list, kept } = situation;
  const held = new Map<ClockName, string>();
  const cluster = lastKnown(record, seen);
  const identified = peers.some((peer) => peer.identity !== undefined || isUnheard(config, peer));
  const ready = peers.some((peer) => peer.ready);
  if (isBlank(config, situation)) {
    const enough = list.members.length >= config.nodesExpectedMin;
    if (!cluster && list.record.kind === 'absent' && !identified && !ready && enough) held.set('settled', '');
    if (cluster && !identified) held.set('nobody', subjectOf(cluster));
  }
  if (own.kind !== 'committed') return held;
  const agrees = record !== undefined && sameIdentity(identityOf(record), claimedIdentity(own));
  const older =
    agrees && kept !== undefined && sameIdentity(identityOf(kept), identityOf(record)) && record.version < kept.version;
  const lower = record !== undefined && record.generation < own.generation;
  if (list.record.kind === 'absent' || lower || older) held.set('unrecorded', '');
  const usable =
    record !== undefined && peers.some((peer) => peer.ready && peer.status === 'up' && namesRecord(peer, record));
  // Whoever was not asked has not failed to answer.
  if (agrees && ready && !usable && probed === 'all') held.set('unusable', '');
  if (agrees && membersSeen(situation) > record.size) held.set('undersized', '');
  if (agrees && record.idle) held.set('idle', '');
  return held;
}

/** Most members that the daemon or a complete list show of the own cluster. */
export function membersSeen({ own, ownMembers, peers }: Situation): number {
  const mine = claimedIdentity(own);
  const listed = peers.filter((peer) => mine && sameIdentity(peer.identity, mine)).length + 1;
  return Math.max(ownMembers.length, listed);
}

/** A silence with a gap in it proves nothing. */
const SILENCES: ReadonlySet<ClockName> = new Set(['settled', 'nobody']);

function nextClocks(
  memory: Memory,
  observation: Observation,
  held: ReadonlyMap<ClockName, string>,
  broken: (clock: ClockName) => boolean,
): Memory['clocks'] {
  const next: Partial<Record<ClockName, Running>> = {};
  for (const [clock, subject] of held) {
    const before = memory.clocks[clock];
    const goesOn = before?.subject === subject && !broken(clock);
    next[clock] = goesOn ? before : { sinceMs: observation.nowMs, subject };
  }
  return { ...next, ...downClock(memory, observation) };
}

/** Only the daemon's own word starts this clock, and only its word ends it: not knowing changes nothing. */
function downClock(memory: Memory, { own: { status }, nowMs }: Observation): Memory['clocks'] {
  const before = memory.clocks.down;
  if (status === 'down') return { down: before ?? { sinceMs: nowMs, subject: '' } };
  return status === 'unknown' && before ? { down: before } : {};
}

/** What a list shows was there, also when the list is incomplete or the own daemon cannot tell what it has itself. */
function highestSeen({ seen }: Memory, { own, listing }: Observation, peers: readonly Peer[]): Memory['seen'] {
  const stored = listing.kind === 'listed' ? listing.list.record : undefined;
  return [
    own.kind === 'known' ? committedIdentity(own.membership.identity) : undefined,
    highestIdentities(peers)[0],
    stored?.kind === 'present' ? identityOf(stored.record) : undefined,
  ].reduce((best, each) => (each && (best === undefined || each.generation >= best.generation) ? each : best), seen);
}

/** Another store, or one that has gone back: what was proved before is not proved any more. */
function storeChanged(memory: Memory, { store, revision }: Situation['list']): boolean {
  if (memory.store !== undefined && store !== undefined && store !== memory.store) return true;
  return memory.revision !== undefined && revision !== undefined && revision < memory.revision;
}

/** The store is watched also while the own daemon is unknown: it can go back and grow again in that time. */
function withStoreOf(memory: Memory, { listing, nowMs }: Observation): Memory {
  if (listing.kind === 'failed' || !listing.list.complete) return memory;
  const { store = memory.store, revision = memory.revision } = listing.list;
  if (!storeChanged(memory, listing.list)) return { ...memory, store, revision };
  const storeChangeSettled = isBack(memory, listing.list);
  return { ...memory, store, revision, storeChangedAtMs: nowMs, storeChangeSettled, clocks: {} };
}

/** After another store, the one is back that had the own cluster on record: what it says now, it says of this cluster. */
function isBack({ store: before, agreedStore }: Memory, { store }: Situation['list']): boolean {
  return store !== undefined && store !== before && store === agreedStore;
}

/** The memory after one more observation. */
export function remember(
  config: FormationConfig,
  before: Memory,
  observation: Observation,
  situation: Situation | undefined,
): Memory {
  const seen = highestSeen(before, observation, situation?.peers ?? listedPeers(config, observation));
  const memory = { ...before, seen };
  if (!situation || !situation.list.complete) {
    // The conditions that are no silences wait for the next complete list.
    const watched = withStoreOf(memory, observation);
    const { settled: _settled, nobody: _nobody, ...kept } = watched.clocks;
    return { ...watched, clocks: { ...withoutDown(kept), ...downClock(memory, observation) } };
  }
  const { list, record, own } = situation;
  const changed = storeChanged(memory, list);
  const agrees = record !== undefined && sameIdentity(identityOf(record), claimedIdentity(own));
  const { listedAtMs = observation.nowMs } = memory;
  const isGap = observation.nowMs - listedAtMs > unheardMs(config);
  const broken = (clock: ClockName) => changed || (isGap && SILENCES.has(clock));
  const clocks = nextClocks(memory, observation, conditions(config, seen, situation, observation), broken);
  return {
    store: list.store ?? memory.store,
    revision: list.revision ?? memory.revision,
    storeChangedAtMs: changed ? observation.nowMs : memory.storeChangedAtMs,
    storeChangeSettled: agrees || (changed ? isBack(memory, list) : memory.storeChangeSettled),
    agreedStore: agrees ? (list.store ?? memory.store) : memory.agreedStore,
    seen,
    clocks,
    listedAtMs: observation.nowMs,
    refusals: ofListed(memory.refusals, list),
    ...progressAfter(memory, situation, observation),
  };
}

/** More ready members than ever are progress; those that come and go are not, however often they do. */
function progressAfter(
  { progressAtMs, awaited: before, mostReady, holders }: Memory,
  { record, peers }: Situation,
  { nowMs }: Observation,
): Pick<Memory, 'progressAtMs' | 'awaited' | 'mostReady' | 'holders'> {
  const awaited = record ? subjectOf(record) : before;
  const ready = peers.filter((peer) => peer.ready).length;
  if (awaited === before && ready <= mostReady) return { progressAtMs, awaited, mostReady, holders };
  return { progressAtMs: nowMs, awaited, mostReady: ready, holders: [] };
}

/** The lock changing hands is others getting on; among nodes that only fail in turn it is not, however often it does. */
export function heldBy(memory: Memory, holder: string | undefined, nowMs: number): Memory {
  if (holder === undefined || memory.holders.includes(holder)) return memory;
  return { ...memory, progressAtMs: nowMs, holders: [...memory.holders, holder] };
}

function withoutDown({ down: _down, ...clocks }: Memory['clocks']): Memory['clocks'] {
  return clocks;
}

/** Whether the store changed so recently that members may still be missing from it. */
export function storeChangedLately(config: FormationConfig, memory: Memory, nowMs: number): boolean {
  return memory.storeChangedAtMs !== undefined && nowMs - memory.storeChangedAtMs <= propagationMs(config);
}

/**
 * How long nothing may speak against a first create. After a change of the store, entries of a restored backup may hold the
 * names of living members until they expire.
 */
export function settlingMs(config: FormationConfig, memory: Memory): number {
  if (memory.storeChangedAtMs === undefined) return config.settleMs;
  return Math.max(config.settleMs, config.latestTakeoverMs + propagationMs(config));
}
