import type { ClusterRecord } from '@autocluster/core/backend';
import type { Actor } from '../actor.js';
import type { NodeFact } from '../facts.js';
import type { Stage } from '../stage.js';
import type { Truth } from '../truth.js';
import { propagationMs } from './creating.js';
import type { Court } from './oracle.js';

/** Whether waiting is all that this node may do, as things truly are. */
export function mustWait({ stage, truth }: Court, actor: Actor): boolean {
  const { state } = actor;
  const members = stage.living.filter(({ formedIn }) => formedIn && formedIn.clusterId === truth.record?.clusterId);
  const base = truth.record?.size ?? 0;
  if (isHalfMade(stage, truth.record, members.length === 0 ? stage.names : [actor.name])) return true;
  const waitsForOperators = members.length === 0 && stage.traits.whenNobodyAlive === 'wait';
  const isSmall = members.length * 2 <= base || members.every(({ name }) => seenBy(stage, name) * 2 <= base);
  const isMinority = stage.traits.joinMinority === 'wait' && isSmall;
  if (state.kind !== 'waiting') return (waitsForOperators || isMinority) && isStartedAnew(stage, actor);
  switch (state.reason) {
    case 'seeds-unusable': {
      // A store that was exchanged for a while names another cluster than the one that was formed meanwhile.
      const wasExchanged = truth.replacedMs >= 0 && members.length === 0;
      const isElsewhere = wasExchanged && stage.living.some(({ formedIn }) => formedIn !== undefined);
      return isMinority || isElsewhere || dividesViews(stage, actor.name);
    }
    case 'nobody-alive':
      return waitsForOperators;
    case 'maybe-evicted':
      // It left and has its old disk again, those that knew it lost theirs, or all that still have data were removed: an
      // operator must say what counts.
      return (
        dividesViews(stage, actor.name) ||
        isLackedByTooFew(stage, actor.name, base) ||
        (members.length === 0 && hasOnlyRemoved(stage, truth.record))
      );
    case 'peers-not-ready':
      return members.length === 0 && hasOnlyRemoved(stage, truth.record);
    case 'split-seen':
      return new Set(stage.living.flatMap(({ formedIn }) => (formedIn ? [formedIn.clusterId] : []))).size > 1;
    case 'too-few-members':
      return stage.living.length < stage.traits.nodesExpectedMin;
    default:
      return false;
  }
}

/** How many members this one sees run: who joined at different members while these were cut off knows but some of the others. */
function seenBy({ durable, daemons }: Stage, name: string): number {
  if (!durable) return Number.POSITIVE_INFINITY;
  const { cluster, members } = daemons.daemon(name).inspect().disk;
  const isSeen = (member: string): boolean => {
    const { power, disk } = daemons.daemon(member).inspect();
    return power === 'running' && disk.cluster === cluster;
  };
  return members.filter(isSeen).length;
}

/** Gave up where only an operator could help, and was started again: it is on its way to the same wait. */
function isStartedAnew({ traits, timing, nowMs }: Stage, { launchedMs }: Actor): boolean {
  return traits.formationTimeoutMs !== 'unlimited' && nowMs - launchedMs < 2 * timing.latestTakeoverMs;
}

/** Of each other daemon of its cluster, whether it counts this one in. */
function countedIn(stage: Stage, name: string): readonly boolean[] {
  if (!stage.durable) return [];
  const own = stage.daemons.daemon(name).inspect().disk;
  const disks = stage.daemons.daemons.map((each) => each.inspect().disk);
  const others = disks.filter((disk) => disk !== own && disk.cluster === own.cluster);
  return others.map(({ members }) => members.includes(name));
}

/** Whether some of the other daemons of its cluster count it in and some do not: a restored disk does that, and for good. */
function dividesViews(stage: Stage, name: string): boolean {
  const counts = countedIn(stage, name);
  return counts.includes(true) && counts.includes(false);
}

/** Whether those that do not count it in prove nothing: of two members, the other one is no majority. */
function isLackedByTooFew(stage: Stage, name: string, size: number): boolean {
  const counts = countedIn(stage, name);
  return counts.length > 0 && counts.length * 2 <= size && !counts.includes(true);
}

/** Whether the disks of all of these that name this cluster went back to the middle of its create, and have no data of it. */
function isHalfMade(stage: Stage, record: ClusterRecord | undefined, names: readonly string[]): boolean {
  const disks = names.map((name) => stage.daemons.daemon(name).inspect().disk);
  const named = disks.filter(({ identity }) => 'clusterId' in identity && identity.clusterId === record?.clusterId);
  return named.length > 0 && named.every(({ cluster }) => cluster === undefined);
}

/** Whether all that have data of this cluster were removed from it. */
function hasOnlyRemoved(stage: Stage, record: ClusterRecord | undefined): boolean {
  const owners = stage.names.filter((name) => stage.committedTo(name)?.clusterId === record?.clusterId);
  return record !== undefined && owners.length > 0 && owners.every((name) => record.removed.includes(name));
}

/** The record as this node was last told of it. */
function recordTold({ lists }: Truth, actor: Actor): ClusterRecord | undefined {
  const told = lists.get(actor)?.list.record;
  return told?.kind === 'present' ? told.record : undefined;
}

/** Whether the record names this node as removed, or did when it was told of it. */
export const isRemoved = (truth: Truth, actor: Actor): boolean =>
  [truth.record, recordTold(truth, actor)].some((record) => record?.removed.includes(actor.name) === true);

/** Whether this node had to fail, as things truly were. */
export function mayFail(court: Court, actor: Actor, code: string): boolean {
  const { stage, truth } = court;
  // The store kept an entry longer than it promises, or there were two of them.
  if (code === 'NAME_HELD')
    return (
      truth.prolongedMs > 0 ||
      truth.replacedMs > 0 ||
      stage.actors.some((each) => each.beside && each.name === actor.name)
    );
  // Of one that was never formed: F8 looks at the others.
  if (code === 'FORMATION_TIMEOUT') return true;
  if (code === 'WORK_STUCK') return stage.hung.has(actor.name);
  if (code !== 'CLUSTER_MISMATCH') return false;
  const own = stage.committedTo(actor.name)?.clusterId;
  // The others as it saw them in its last look.
  const lately = stage.names.flatMap((name) => truth.identitiesSince(name, stage.nowMs - propagationMs(court)));
  const named = lately.flatMap((each) => (each.kind === 'committed' ? [each.clusterId] : []));
  // An entry outlives its process, and the data that it tells of.
  const listed = truth.lists.get(actor)?.list.members.map(({ identity }) => identity?.clusterId) ?? [];
  return [truth.record?.clusterId, recordTold(truth, actor)?.clusterId, ...named, ...listed].some(
    (other) => other !== undefined && other !== own,
  );
}

/** Who has told of two clusters: what were two is reported by both, and never merged. */
export function watchSplits(): {
  readonly told: ReadonlySet<Actor>;
  readonly node: (actor: Actor, fact: NodeFact) => void;
} {
  const told = new Set<Actor>();
  return {
    told,
    node(actor, fact) {
      if (fact.kind === 'event' && fact.event.name === 'split.seen') told.add(actor);
    },
  };
}

/**
 * Whether its cluster has removed it: no other daemon counts it in, or a newer cluster has taken its place. Who has ended,
 * or is not formed, or whose daemon is down, and still counts it in cannot be asked; what a majority says is then all that there is.
 */
export function isEvicted(stage: Stage, actor: Actor): boolean {
  const { durable, daemons, living, truth } = stage;
  const { name } = actor;
  if (isRemoved(truth, actor)) return true;
  if (!durable) return false;
  const own = daemons.daemon(name).inspect().disk;
  const others = daemons.daemons.filter((each) => each.self() !== name && each.inspect().disk.cluster === own.cluster);
  const naming = others.filter((each) => each.inspect().disk.members.includes(name));
  const isMinority = (others.length - naming.length) * 2 > (truth.record?.size ?? 0);
  const answers = (peer: (typeof naming)[number]) =>
    peer.inspect().power === 'running' &&
    living.some(({ name: each, formedIn }) => each === peer.self() && formedIn !== undefined);
  const isNamed = naming.some((each) => !isMinority || answers(each));
  const superseded = 'generation' in own.identity && own.identity.generation < (truth.record?.generation ?? 0);
  return superseded || !isNamed;
}
