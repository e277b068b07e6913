import type { NodeState } from '@autocluster/core';
import type { ClusterRecord } from '@autocluster/core/backend';
import type { Actor } from '../actor.js';
import type { NodeFact } from '../facts.js';
import { isEvicted, isRemoved, mayFail, mustWait, watchSplits } from './allowances.js';
import { propagationMs } from './creating.js';
import { TOLERANCE_MS, watchLacked, watchNames, watchSilence } from './decisions.js';
import { type Court, type Oracle, together, type Watcher } from './oracle.js';
import { listLogOf } from './removal.js';
import { toldIn } from './told.js';

const PASSING: ReadonlySet<NodeState['kind']> = new Set([
  'registering',
  'discovering',
  'locking',
  'confirming',
  'creating',
  'joining',
  'committing',
]);
/** Twice `stopTimeoutMs`: the second is for the backend. */
const LONGEST_END_MS = 10_000;
/** The longest that the daemon may take, and as much again for all that surrounds it. */
const longestPhaseMs = ({ stage }: Court): number => 2 * (stage.traits.workMs + 10_000);

/** The limit is one of the start: a member waits for its cluster for as long as it takes. */
function watchGivenUp({ check }: Court): Watcher {
  const formed = new Set<Actor>();
  return {
    node(actor, fact) {
      if (fact.kind !== 'state') return;
      if (fact.state.kind === 'formed') formed.add(actor);
      const gaveUp = fact.state.kind === 'failed' && fact.state.cause === 'FORMATION_TIMEOUT';
      check(!gaveUp || !formed.has(actor), () => `${actor.label} was formed, and gives up forming`);
    },
  };
}

const F8: Oracle = {
  id: 'F8',
  holds: 'whoever waits says so and for what: no other state lasts, and nobody who was formed gives up',
  watch: (court) =>
    together(watchGivenUp(court), {
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
          const mayStillEnd = stage.nowMs - actor.stateSinceMs < LONGEST_END_MS;
          check(actor.ended || mayStillEnd, () => `${actor.label} was told to stop and has not ended`);
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

/** Nobody takes the entry of another. */
function watchEntries({ check, truth, stage }: Court): Watcher {
  const live = new Map<string, string>();
  return {
    node(actor, fact) {
      if (fact.kind !== 'state' || fact.state.kind !== 'formed' || fact.before.kind === 'formed') return;
      const listed = truth.registrations.get(actor.name)?.instance ?? actor.instance;
      const excused = truth.tamperedMs > stage.nowMs - stage.traits.ttlMs;
      check(listed === actor.instance || excused, () => `${actor.label} is formed, and ${listed} has its name`);
    },
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
}

const F12: Oracle = {
  id: 'F12',
  holds: 'of two live processes with one name at most one is registered, and only that one is formed',
  watch: (court) => together(watchEntries(court), watchNames(court)),
};

/** The record comes back from those who have it. */
function watchRecords(court: Court): Watcher {
  const { check, truth, stage } = court;
  const { timing, traits, plan } = stage;
  const splits = watchSplits();
  return {
    node: splits.node,
    store(event) {
      if (event.kind !== 'record-committed' || event.record.kind !== 'present') return;
      const { record } = event.record;
      if (record.version > 1 || truth.recordBefore?.clusterId === record.clusterId) return;
      // Whoever was halted since it asked may still go by that list, until it is too old for anything.
      const writer = truth.attempts.get(event.attempt)?.actor;
      const lookedMs = (writer && truth.lists.get(writer)?.sentMs) ?? stage.nowMs;
      const wasHalted = (writer?.runningSinceMs ?? Number.NEGATIVE_INFINITY) > lookedMs;
      const listMs = wasHalted ? propagationMs(court) : timing.callTimeoutMs + 2 * traits.latencyMs;
      const longMs = listMs + timing.callTimeoutMs + 6 * traits.stepMs;
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
}

const F14: Oracle = {
  id: 'F14',
  holds: 'the record is put back by those who have it, and nobody creates while a member is listed',
  watch: (court) => together(watchRecords(court), watchSilence(court)),
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
    const log = toldIn(court);
    const lacked = watchLacked(court);
    const { answers } = listLogOf(court);
    // It decides by the list of its look; another one may have come since.
    const wasToldOf = (actor: Actor, what: (record: ClusterRecord) => boolean): boolean =>
      answers.some(
        ({ actor: told, atMs, list: { record } }) =>
          told === actor &&
          atMs >= stage.nowMs - propagationMs(court) &&
          record.kind === 'present' &&
          what(record.record),
      );
    /**
     * For a whole TTL, as its own daemon said to whoever decides: what it tells for a report interrupts nothing. One that is up
     * and cannot tell its membership is not known to be either.
     */
    const wasDown = (actor: Actor): boolean => {
      const { healths, memberships } = log.of(actor);
      const own = healths.filter(({ node }) => node === actor.name);
      const isUp = ({ value, sentMs, mayBeForReport }: (typeof own)[number]): boolean =>
        value.status === 'up' && !mayBeForReport && memberships.some((each) => each.sentMs === sentMs);
      const downs = own.slice(1 + own.findLastIndex(isUp));
      const first = downs.find(({ value }) => value.status === 'down');
      return first !== undefined && actor.clock.monotonicMs() - first.atMs >= stage.traits.ttlMs - TOLERANCE_MS;
    };
    return {
      node(actor, fact) {
        if (fact.kind !== 'state' || fact.before.kind !== 'formed' || fact.state.kind === 'formed') return;
        if (!actor.alive) return;
        const { identity } = fact.before;
        // Whoever was halted in its look goes by what its daemon had when that began.
        const lookedMs = truth.lists.get(actor)?.sentMs ?? stage.nowMs;
        const beganMs = (actor.runningSinceMs ?? stage.nowMs) > lookedMs ? lookedMs : stage.nowMs;
        const lately = truth.identitiesSince(actor.name, Math.min(beganMs, stage.nowMs - propagationMs(court)));
        const ownChanged = lately.some((each) => each.kind !== 'committed' || each.clusterId !== identity.clusterId);
        const superseded = wasToldOf(actor, ({ generation }) => generation > identity.generation);
        const isStuck = fact.state.kind === 'failed' && fact.state.cause === 'WORK_STUCK' && stage.hung.has(actor.name);
        const excused =
          isStuck ||
          ownChanged ||
          superseded ||
          isRemoved(truth, actor) ||
          wasToldOf(actor, ({ removed }) => removed.includes(actor.name)) ||
          lacked(actor) ||
          wasDown(actor);
        check(excused, () => `${actor.label} was formed and is ${JSON.stringify(fact.state)}`);
      },
    };
  },
};

export const LIVING_ORACLES: readonly Oracle[] = [F8, F9, F10, F12, F14, F19];
