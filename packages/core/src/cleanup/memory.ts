import type { InstanceId, NodeId } from '../backend/index.js';
import type { Listing } from '../guard/index.js';
import type { Absence, CleanupMemory, Look } from './observation.js';
import { type Facts, factsOf } from './plan/facts.js';
import { stopsOf } from './plan/stops.js';
import type { CleanupPolicy } from './policy.js';
import { type Removal, stoppedClocks } from './removal.js';

type Listed = Extract<Listing, { kind: 'listed' }>;
type Pacing = Pick<CleanupPolicy, 'intervalMs'>;

export const FRESH_MEMORY: CleanupMemory = Object.freeze({
  seenAtMs: undefined,
  listedAtMs: undefined,
  store: undefined,
  revision: undefined,
  storeChangedAtMs: undefined,
  absences: new Map<NodeId, Absence>(),
  instances: new Map<NodeId, InstanceId>(),
  newest: undefined,
  failures: new Map<NodeId, number>(),
});

/** Nothing that was counted so far counts any more; what is known about the store stays. */
export function stopClocks(memory: CleanupMemory): CleanupMemory {
  return { ...memory, seenAtMs: undefined, absences: FRESH_MEMORY.absences };
}

/** Nothing counts any more that was known of who is there and who is away: somebody may have come and gone unseen. */
export function forgetPresence(memory: CleanupMemory): CleanupMemory {
  return { ...stopClocks(memory), instances: FRESH_MEMORY.instances };
}

function without<V>(values: ReadonlyMap<NodeId, V>, node: NodeId): ReadonlyMap<NodeId, V> {
  return new Map([...values].filter(([each]) => each !== node));
}

/** The memory after a removal was tried. What one rested on says nothing about who joins anew under that name. */
export function noteRemoval(memory: CleanupMemory, removal: Removal): CleanupMemory {
  const { absences, instances, failures } = memory;
  const { node } = removal;
  if (removal.kind === 'removed') {
    return {
      ...memory,
      absences: without(absences, node),
      instances: without(instances, node),
      failures: without(failures, node),
    };
  }
  if (removal.kind === 'failed')
    return { ...memory, failures: new Map([...failures, [node, (failures.get(node) ?? 0) + 1]]) };
  return stoppedClocks(removal) ? stopClocks(memory) : memory;
}

/** Asked for before the latest list was in: it may be the older one. */
const isLate = ({ listedAtMs }: CleanupMemory, { askedAtMs }: Listed): boolean =>
  listedAtMs !== undefined && askedAtMs < listedAtMs;

/** Whether so much time passed without a whole list that somebody may have come back in it and gone again. */
const isAfterGap = ({ intervalMs }: Pacing, { listedAtMs }: CleanupMemory, { answeredAtMs }: Listed): boolean =>
  listedAtMs !== undefined && answeredAtMs - listedAtMs > 2 * intervalMs;

function withNewest(memory: CleanupMemory, { askedAtMs, list }: Listed): CleanupMemory {
  if (memory.newest && memory.newest.askedAtMs > askedAtMs) return memory;
  const instances = new Map(list.members.map(({ node, instance }) => [node, instance]));
  return { ...memory, newest: { askedAtMs, instances } };
}

function withStore(pacing: Pacing, before: CleanupMemory, listing: Listing, nowMs: number): CleanupMemory {
  if (listing.kind === 'failed') return before;
  const noted = withNewest(before, listing);
  if (!listing.list.complete) return noted;
  const memory = isAfterGap(pacing, before, listing) ? forgetPresence(noted) : noted;
  const { store, revision } = listing.list;
  const late = isLate(memory, listing);
  const isOther = memory.store !== undefined && store !== undefined && store !== memory.store;
  const wentBack = !late && memory.revision !== undefined && revision !== undefined && revision < memory.revision;
  return {
    ...memory,
    store: (late ? memory.store : store) ?? store ?? memory.store,
    revision: (late ? memory.revision : revision) ?? revision ?? memory.revision,
    storeChangedAtMs: isOther || wentBack ? nowMs : memory.storeChangedAtMs,
    listedAtMs: Math.max(memory.listedAtMs ?? listing.answeredAtMs, listing.answeredAtMs),
    // The entries of another store, or of an earlier one, say nothing about who was there since.
    instances: isOther || wentBack ? FRESH_MEMORY.instances : memory.instances,
  };
}

/**
 * The memory after a list that this node made for something else. Whoever came and went between two looks was there: its absence
 * ends, and it is known by its latest instance.
 */
export function noteListing(pacing: Pacing, before: CleanupMemory, listing: Listing, nowMs: number): CleanupMemory {
  const memory = withStore(pacing, before, listing, nowMs);
  if (listing.kind === 'failed' || memory.absences.size + memory.instances.size === 0) return memory;
  const late = isLate(before, listing);
  const absences = new Map(memory.absences);
  const instances = new Map(memory.instances);
  for (const { node, instance } of listing.list.members) {
    const absence = absences.get(node);
    if (!late && (absence || instances.has(node))) instances.set(node, instance);
    // Nobody knows which of the two it had last.
    if (late && instances.get(node) !== instance) instances.delete(node);
    if (absence && absence.sinceMs <= listing.askedAtMs) absences.delete(node);
  }
  return { ...memory, absences, instances };
}

/** Whether nothing was missed since then. */
const goesOn = ({ intervalMs }: Pacing, sinceMs: number | undefined, { nowMs }: Look): boolean =>
  sinceMs !== undefined && nowMs - sinceMs <= 2 * intervalMs;

/** What the newest list showed, when that is not the list of the look: another one was asked for after it. */
function shownAfter({ newest }: CleanupMemory, { listing }: Look): CleanupMemory['instances'] | undefined {
  return newest && listing.kind === 'listed' && listing.askedAtMs < newest.askedAtMs ? newest.instances : undefined;
}

/** The last known ones. While the own daemon tells no members, those of before are the members. */
function instancesOf(memory: CleanupMemory, look: Look, { membership, listed }: Facts): CleanupMemory['instances'] {
  const { instances: earlier } = memory;
  const newer = shownAfter(memory, look);
  const known = new Map<NodeId, InstanceId>();
  for (const node of membership?.members ?? earlier.keys()) {
    const shown = newer ? newer.get(node) : listed.get(node)?.instance;
    const instance = shown ?? earlier.get(node);
    if (instance !== undefined) known.set(node, instance);
  }
  return known;
}

/** Looks that follow each other closely are one observation. */
function oneMore(
  { intervalMs }: CleanupPolicy,
  earlier: Absence | undefined,
  nowMs: number,
  askedAtMs: number,
): Absence {
  if (!earlier) return { sinceMs: nowMs, forMs: 0, observations: 1, countedAtMs: nowMs };
  const forMs = Math.max(0, askedAtMs - earlier.sinceMs);
  if (nowMs - earlier.countedAtMs < intervalMs / 2) return { ...earlier, forMs };
  return { ...earlier, forMs, observations: earlier.observations + 1, countedAtMs: nowMs };
}

function absencesOf(
  policy: CleanupPolicy,
  before: CleanupMemory,
  look: Look,
  { missing, seenRunningBy }: Facts,
): CleanupMemory['absences'] {
  const isOngoing = goesOn(policy, before.seenAtMs, look);
  const newer = shownAfter(before, look);
  const askedAtMs = look.listing.kind === 'listed' ? look.listing.askedAtMs : look.nowMs;
  const absences = new Map<NodeId, Absence>();
  for (const node of missing) {
    if (seenRunningBy.has(node)) continue;
    if (newer?.has(node)) continue;
    const earlier = isOngoing ? before.absences.get(node) : undefined;
    absences.set(node, oneMore(policy, earlier, look.nowMs, askedAtMs));
  }
  return absences;
}

/** The memory after one more look. A brake that stops the clocks, or too long a gap, makes every absence begin anew. */
export function remember(policy: CleanupPolicy, before: CleanupMemory, look: Look): CleanupMemory {
  const memory = withStore(policy, before, look.listing, look.nowMs);
  const facts = factsOf(look);
  const instances = instancesOf(memory, look, facts);
  if (stopsOf(policy, look, facts, memory.storeChangedAtMs).length > 0) return { ...stopClocks(memory), instances };
  return { ...memory, instances, seenAtMs: look.nowMs, absences: absencesOf(policy, memory, look, facts) };
}
