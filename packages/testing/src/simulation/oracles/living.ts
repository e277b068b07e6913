import type { NodeState } from '@autocluster/core';
import type { ClusterRecord } from '@autocluster/core/backend';
import type { Actor } from '../actor.js';
import type { NodeFact } from '../facts.js';
import type { Stage } from '../stage.js';
import { propagationMs } from './creating.js';
import type { Court, Oracle } from './oracle.js';

const PASSING: ReadonlySet<NodeState['kind']> = new Set([
  'registering',
  'discovering',
  'locking',
  'confirming',
  'creating',
  'joining',
  'committing',
]);
/** The longest that the daemon may take, and as much again for all that surrounds it. */
const longestPhaseMs = ({ stage }: Court): number => 2 * (stage.traits.workMs + 10_000);

const F8: Oracle = {
  id: 'F8',
  holds: 'whoever waits says so and for what: no other state lasts',
  watch: (court) => ({
    end() {
      const { check, stage } = court;
      for (const actor of stage.living) {
        const lastsMs = stage.nowMs - Math.max(actor.stateSinceMs, actor.runningSinceMs ?? stage.nowMs);
        const passing = PASSING.has(actor.state.kind);
        check(
          !passing || lastsMs < longestPhaseMs(court),
          () => `${actor.label} is ${actor.state.kind} for ${lastsMs} ms`,
        );
      }
      for (const actor of stage.actors) {
        if (actor.alive || actor.crashed || !actor.running) continue;
        check(actor.ended, () => `${actor.label} was told to stop and has not ended`);
      }
    },
  }),
};

const F9: Oracle = {
  id: 'F9',
  holds: 'nobody ends alone without having been elected, unless that was asked for',
  watch: ({ check, truth, stage }) => ({
    node(actor, fact) {
      if (fact.kind !== 'state') return;
      const { state } = fact;
      if (state.kind === 'standalone') return check(false, () => `${actor.label} stands alone`);
      if (state.kind !== 'formed' || state.role !== 'creator') return;
      const record = truth.committed.get(state.identity.clusterId);
      const elected = record?.createdBy === actor.name || stage.traits.onLocalData === 'adopt';
      check(elected, () => `${actor.label} says that it created what ${record?.createdBy} created`);
    },
  }),
};

/** Whether waiting is all that this node may do, as things truly are. */
function mustWait({ stage, truth }: Court, actor: Actor): boolean {
  const { state } = actor;
  const members = stage.living.filter(({ formedIn }) => formedIn && formedIn.clusterId === truth.record?.clusterId);
  const base = truth.record?.size ?? 0;
  if (isHalfMade(stage, truth.record, members.length === 0 ? stage.names : [actor.name])) return true;
  if (state.kind !== 'waiting') return false;
  switch (state.reason) {
    case 'seeds-unusable': {
      const isMinority = stage.traits.joinMinority === 'wait' && members.length * 2 <= base;
      // A store that was exchanged for a while names another cluster than the one that was formed meanwhile.
      const wasExchanged = truth.replacedMs >= 0 && members.length === 0;
      const isElsewhere = wasExchanged && stage.living.some(({ formedIn }) => formedIn !== undefined);
      return isMinority || isElsewhere || dividesViews(stage, actor.name);
    }
    case 'nobody-alive':
      return members.length === 0 && stage.traits.whenNobodyAlive === 'wait';
    // Whoever still has its data was removed: an operator must say whether it counts.
    case 'maybe-evicted':
      return dividesViews(stage, actor.name) || (members.length === 0 && hasOnlyRemoved(stage, truth.record));
    case 'peers-not-ready':
      return members.length === 0 && hasOnlyRemoved(stage, truth.record);
    case 'too-few-members':
      return stage.living.length < stage.traits.nodesExpectedMin;
    default:
      return false;
  }
}

/** Whether some of the other daemons of its cluster count it in and some do not: a restored disk does that, and for good. */
function dividesViews(stage: Stage, name: string): boolean {
  if (!stage.durable) return false;
  const own = stage.daemons.daemon(name).inspect().disk;
  const others = stage.daemons.daemons
    .map((each) => each.inspect().disk)
    .filter((disk) => disk.cluster === own.cluster);
  const counts = others.filter((disk) => disk !== own).map((disk) => disk.members.includes(name));
  return counts.includes(true) && counts.includes(false);
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

/** Whether this node had to fail, as things truly were. */
function mayFail({ stage, truth }: Court, actor: Actor, code: string): boolean {
  // The store kept an entry longer than it promises, or there were two of them.
  if (code === 'NAME_HELD')
    return (
      truth.prolongedMs > 0 ||
      truth.replacedMs > 0 ||
      stage.actors.some((each) => each.beside && each.name === actor.name)
    );
  if (code === 'WORK_STUCK') return stage.hung.has(actor.name);
  const own = stage.committedTo(actor.name)?.clusterId;
  const rivals = [truth.record?.clusterId, ...stage.names.map((name) => stage.committedTo(name)?.clusterId)];
  if (code === 'CLUSTER_MISMATCH') return rivals.some((other) => other !== undefined && other !== own);
  return false;
}

/** Who has told of two clusters: what were two is reported by both, and never merged. */
function watchSplits(): { readonly told: ReadonlySet<Actor>; readonly node: (actor: Actor, fact: NodeFact) => void } {
  const told = new Set<Actor>();
  return {
    told,
    node(actor, fact) {
      if (fact.kind === 'event' && fact.event.name === 'split.seen') told.add(actor);
    },
  };
}

/** Whether its cluster has removed it: no other daemon counts it in, or a newer cluster has taken its place. */
function isEvicted({ durable, daemons, truth }: Stage, { name }: Actor): boolean {
  if (truth.record?.removed.includes(name)) return true;
  if (!durable) return false;
  const own = daemons.daemon(name).inspect().disk;
  const others = daemons.daemons.filter((each) => each.self() !== name).map((each) => each.inspect().disk);
  const superseded = 'generation' in own.identity && own.identity.generation < (truth.record?.generation ?? 0);
  return superseded || !others.some((disk) => disk.cluster === own.cluster && disk.members.includes(name));
}

const F10: Oracle = {
  id: 'F10',
  holds: 'once faults have ceased, all that live are in one cluster within the bound',
  watch(court) {
    const { check, stage } = court;
    const splits = watchSplits();
    const evicted = new Set<Actor>();
    const hadTo = new Set<Actor>();
    const node = (actor: Actor, fact: NodeFact) => {
      splits.node(actor, fact);
      if (fact.kind !== 'state') return;
      // It fails on what it saw a moment ago; what is true at the end says nothing of that.
      if (fact.state.kind === 'failed' && mayFail(court, actor, fact.state.cause)) hadTo.add(actor);
      const isSo = isEvicted(stage, actor);
      if (isSo) evicted.add(actor);
      else if (fact.state.kind !== 'failed') evicted.delete(actor);
    };
    const end = () => {
      const formed = stage.living.filter((actor) => actor.formedIn !== undefined);
      const ids = new Set(formed.map((actor) => actor.formedIn?.clusterId));
      const states = () => stage.living.map((actor) => `${actor.label} ${JSON.stringify(actor.node.state)}`).join('; ');
      check(ids.size <= 1 || formed.every((actor) => splits.told.has(actor)), states);
      for (const actor of stage.living) check(actor.formedIn !== undefined || mustWait(court, actor), states);
      for (const actor of stage.actors) {
        const { failure } = actor;
        if (!failure || actor.crashed || failure.code === 'ABORTED') continue;
        const had = failure.code === 'EVICTED' ? evicted.has(actor) : hadTo.has(actor);
        const excused = had || mayFail(court, actor, failure.code);
        check(excused, () => `${actor.label} has failed: ${failure.text}`);
      }
    };
    return { node, end };
  },
};

const F12: Oracle = {
  id: 'F12',
  holds: 'of two live processes with one name at most one is registered, and only that one is formed',
  watch: ({ check, truth, stage }) => {
    const live = new Map<string, string>();
    return {
      store(event) {
        if (event.kind === 'registered') {
          const other = live.get(event.node) ?? event.instance;
          check(other === event.instance, () => `${event.node}: ${event.instance} takes the entry of ${other}`);
          live.set(event.node, event.instance);
        } else if (event.kind === 'unregistered' || event.kind === 'registration-expired') live.delete(event.node);
        else if (event.kind === 'operator' && event.action !== 'prolong') {
          live.clear();
          for (const [node, { instance }] of truth.registrations) live.set(node, instance);
        }
      },
      end() {
        for (const name of stage.names) {
          const formed = stage.actors.filter((each) => each.name === name && each.alive && each.formedIn !== undefined);
          check(formed.length <= 1, () => `${formed.map((each) => each.label).join(' and ')} are formed`);
        }
      },
    };
  },
};

const F14: Oracle = {
  id: 'F14',
  holds: 'the record is put back by those who have it, and nobody creates while a member is listed',
  watch: (court) => {
    const { check, truth, stage } = court;
    const { timing, traits, plan } = stage;
    const splits = watchSplits();
    return {
      node: splits.node,
      store(event) {
        if (event.kind !== 'record-committed' || event.record.kind !== 'present') return;
        const { record } = event.record;
        if (record.version > 1 || truth.recordBefore?.clusterId === record.clusterId) return;
        const longMs = 2 * stage.timing.callTimeoutMs + 2 * stage.traits.latencyMs + 6 * stage.traits.stepMs;
        const listed = [...truth.registrations].find(
          ([node, { clusterId, identitySinceMs }]) =>
            node !== record.createdBy &&
            clusterId !== undefined &&
            clusterId !== record.clusterId &&
            stage.nowMs - identitySinceMs > longMs,
        );
        check(!listed, () => `${record.createdBy} creates while ${listed?.[0]} is listed in ${listed?.[1].clusterId}`);
      },
      end() {
        const members = stage.living.filter((actor) => actor.formedIn !== undefined);
        const turnsMs = (2 * traits.nodes + 2) * timing.renewalMs + 2 * propagationMs(court) + timing.latestTakeoverMs;
        const longMs = Math.min(stage.nowMs - truth.tamperedMs, stage.nowMs - plan.healAtMs);
        if (truth.tamperedMs >= 0 && longMs < turnsMs) return;
        const newest = Math.max(0, ...members.map((actor) => keptVersion(court, actor, truth.record)));
        for (const actor of members) {
          const agrees = truth.record?.clusterId === actor.formedIn?.clusterId;
          const isSplit = truth.replacedMs >= 0 && splits.told.has(actor);
          check(agrees || isSplit, () => `${actor.label} is formed, and its cluster is not on record`);
        }
        const version = truth.record?.version ?? 0;
        check(version >= newest, () => `version ${version} is on record, a member has kept ${newest}`);
      },
    };
  },
};

function keptVersion({ stage }: Court, actor: Actor, record: ClusterRecord | undefined): number {
  if (!stage.durable) return 0;
  const { kept } = stage.daemons.daemon(actor.name).inspect().disk;
  return kept && kept.clusterId === record?.clusterId ? kept.version : 0;
}

const F19: Oracle = {
  id: 'F19',
  holds: 'nothing that the store says makes a formed node stop, but a higher generation or its own removal',
  watch: (court) => {
    const { check, truth, stage } = court;
    const startedMs = new Map<string, number>();
    const wasDown = ({ name }: Actor): boolean => {
      if (!stage.durable) return false;
      // What it decides now it saw a moment ago.
      const sinceMs = stage.nowMs - (startedMs.get(name) ?? Number.NEGATIVE_INFINITY);
      return stage.daemons.daemon(name).inspect().power !== 'running' || sinceMs < propagationMs(court);
    };
    return {
      daemon(event) {
        if (event.kind === 'started') startedMs.set(event.node, stage.nowMs);
      },
      node(actor, fact) {
        if (fact.kind !== 'state' || fact.before.kind !== 'formed' || fact.state.kind === 'formed') return;
        if (!actor.alive) return;
        const { identity } = fact.before;
        const lately = truth.identitiesSince(actor.name, stage.nowMs - propagationMs(court) - 60_000);
        const ownChanged = lately.some((each) => each.kind !== 'committed' || each.clusterId !== identity.clusterId);
        const superseded = [...truth.committed.values()].some((each) => each.generation > identity.generation);
        const removed = truth.record?.removed.includes(actor.name) === true;
        const isStuck = fact.state.kind === 'failed' && fact.state.cause === 'WORK_STUCK' && stage.hung.has(actor.name);
        const excused = isStuck || ownChanged || superseded || removed || lacking(court, actor) || wasDown(actor);
        check(excused, () => `${actor.label} was formed and is ${JSON.stringify(fact.state)}`);
      },
    };
  },
};

/** Whether any member, as it is or was a moment ago, does not have this node in its view. */
function lacking({ stage }: Court, actor: Actor): boolean {
  if (!stage.durable) return false;
  const own = stage.daemons.daemon(actor.name).inspect().disk;
  return stage.daemons.daemons.some((peer) => {
    const { disk } = peer.inspect();
    return disk.cluster === own.cluster && !disk.members.includes(actor.name);
  });
}

export const LIVING_ORACLES: readonly Oracle[] = [F8, F9, F10, F12, F14, F19];
