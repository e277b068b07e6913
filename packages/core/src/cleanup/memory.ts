import type { InstanceId, NodeId } from '../backend/index.js';
import type { Listing } from '../guard/index.js';
import type { Absence, CleanupMemory, Look } from './observation.js';
import { type Facts, factsOf } from './plan/facts.js';
import { stopsOf } from './plan/stops.js';
import type { CleanupPolicy } from './policy.js';

type Listed = Extract<Listing, { kind: 'listed' }>;

export const FRESH_MEMORY: CleanupMemory = Object.freeze({
  seenAtMs: undefined,
  listedAtMs: undefined,
  store: undefined,
  revision: undefined,
  storeChangedAtMs: undefined,
  absences: new Map<NodeId, Absence>(),
  instances: new Map<NodeId, InstanceId>(),
});

/** Nothing that was counted so far counts any more; what is known about the store stays. */
export function stopClocks(memory: CleanupMemory): CleanupMemory {
  return { ...memory, seenAtMs: undefined, absences: FRESH_MEMORY.absences };
}

/** Asked for before the latest list was in: it may be the older one. */
const isLate = ({ listedAtMs }: CleanupMemory, { askedAtMs }: Listed): boolean =>
  listedAtMs !== undefined && askedAtMs < listedAtMs;

function withStore(memory: CleanupMemory, listing: Listing, nowMs: number): CleanupMemory {
  if (listing.kind === 'failed' || !listing.list.complete) return memory;
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
export function noteListing(before: CleanupMemory, listing: Listing, nowMs: number): CleanupMemory {
  const memory = withStore(before, listing, nowMs);
  if (listing.kind === 'failed' || memory.absences.size + memory.instances.size === 0) return memory;
  const late = isLate(before, listing);
  const absences = new Map(memory.absences);
  const instances = new Map(memory.instances);
  for (const { node, instance } of listing.list.members) {
    const absence = absences.get(node);
    if (!late && (absence || instances.has(node))) instances.set(node, instance);
    if (absence && absence.sinceMs <= listing.askedAtMs) absences.delete(node);
  }
  return { ...memory, absences, instances };
}

/** Whether nothing was missed since then. */
const goesOn = ({ intervalMs }: CleanupPolicy, sinceMs: number | undefined, { nowMs }: Look): boolean =>
  sinceMs !== undefined && nowMs - sinceMs <= 2 * intervalMs;

/** The last known ones. `whole`: no long time passed without a whole list, in which one may have come back and gone again. */
function instancesOf(
  { instances }: CleanupMemory,
  { membership, listed }: Facts,
  whole: boolean,
): CleanupMemory['instances'] {
  const earlier = whole ? instances : FRESH_MEMORY.instances;
  const known = new Map<NodeId, InstanceId>();
  for (const node of membership?.members ?? []) {
    const instance = listed.get(node)?.instance ?? earlier.get(node);
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
  const askedAtMs = look.listing.kind === 'listed' ? look.listing.askedAtMs : look.nowMs;
  const absences = new Map<NodeId, Absence>();
  for (const node of missing) {
    if (seenRunningBy.has(node)) continue;
    const earlier = isOngoing ? before.absences.get(node) : undefined;
    absences.set(node, oneMore(policy, earlier, look.nowMs, askedAtMs));
  }
  return absences;
}

/** The memory after one more look. A brake that stops the clocks, or too long a gap, makes every absence begin anew. */
export function remember(policy: CleanupPolicy, before: CleanupMemory, look: Look): CleanupMemory {
  const memory = withStore(before, look.listing, look.nowMs);
  const facts = factsOf(look);
  const instances = instancesOf(memory, facts, goesOn(policy, before.listedAtMs, look));
  if (stopsOf(policy, look, facts, memory.storeChangedAtMs).length > 0) return { ...stopClocks(memory), instances };
  return { ...memory, instances, seenAtMs: look.nowMs, absences: absencesOf(policy, memory, look, facts) };
}
