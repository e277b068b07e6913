import type { Actor } from '../actor.js';
import { propagationMs } from './creating.js';
import type { Court, Oracle } from './oracle.js';
import { listLogOf } from './removal.js';

/** A look asks the store, the own daemon and one peer, and the daemon twice. */
const CALLS_OF_A_REPORT = 4;

const H1: Oracle = {
  id: 'H1',
  holds: 'whoever asks for the health of a node gets a report in time, whatever store and daemons do',
  watch({ check, stage }) {
    const asked = new Map<Actor, number>();
    const limitMs = CALLS_OF_A_REPORT * stage.timing.callTimeoutMs;
    return {
      node(actor, fact) {
        if (fact.kind === 'health-asked') return void asked.set(actor, actor.clock.monotonicMs());
        if (fact.kind === 'health-refused') return check(!actor.alive, () => `${actor.label}: ${fact.text}`);
        if (fact.kind !== 'health-told') return;
        const tookMs = actor.clock.monotonicMs() - (asked.get(actor) ?? 0);
        asked.delete(actor);
        // Where it stood still in between, its own time went on.
        const stood = actor.cleanSinceMs > stage.nowMs - 2 * tookMs;
        check(stood || tookMs <= limitMs, () => `${actor.label} took ${tookMs} ms for its report, not ${limitMs}`);
      },
      end() {
        for (const [actor, sinceMs] of asked) {
          const waitedMs = actor.clock.monotonicMs() - sinceMs;
          const stood = actor.cleanSinceMs > stage.nowMs - 2 * limitMs;
          const isDue = actor.alive && !stood && waitedMs > limitMs;
          check(!isDue, () => `${actor.label} waits for its report since ${waitedMs} ms`);
        }
      },
    };
  },
};

const H2: Oracle = {
  id: 'H2',
  holds: 'a node that says it is well is formed in the cluster that its daemon and the record name',
  watch(court) {
    const { check, stage, truth } = court;
    const { answers } = listLogOf(court);
    const asked = new Map<Actor, number>();
    /** The clusters that the record named when the store was last asked. */
    const toldSince = (actor: Actor, sinceMs: number): readonly string[] =>
      answers
        .filter((each) => each.actor === actor && each.atMs >= sinceMs)
        .flatMap(({ list: { record } }) => (record.kind === 'present' ? [record.record.clusterId] : []));
    return {
      node(actor, fact) {
        if (fact.kind === 'health-asked') asked.set(actor, stage.nowMs);
        if (fact.kind !== 'health-told' || fact.status !== 'ok') return;
        const sinceMs = asked.get(actor) ?? stage.nowMs;
        const had = truth.identitiesSince(actor.name, sinceMs);
        const { formedIn, stateSinceMs } = actor;
        const isWell = (id: string): boolean =>
          had.some((each) => 'clusterId' in each && each.clusterId === id) &&
          (formedIn?.clusterId === id || stateSinceMs >= sinceMs);
        const named = toldSince(actor, sinceMs);
        check(
          named.some(isWell) || !stage.canTell(actor.name),
          () =>
            `${actor.label} is in ${formedIn?.clusterId} and says that it is well, the record names ${named.join(', ')}`,
        );
      },
    };
  },
};

/** Whether the daemons of all of them count each other; a restored disk or a damaged view may have split them for good. */
const countEachOther = ({ stage }: Court, actors: readonly Actor[]): boolean =>
  !stage.durable ||
  actors.every(({ name }) => {
    const { members } = stage.daemons.daemon(name).inspect().disk;
    return actors.every((other) => members.includes(other.name));
  });

const H3: Oracle = {
  id: 'H3',
  holds: 'once everything is well, every member says so',
  watch(court) {
    const { check, stage, truth } = court;
    const last = new Map<Actor, { readonly atMs: number; readonly text: string }>();
    return {
      node(actor, fact) {
        if (fact.kind === 'health-told') last.set(actor, { atMs: stage.nowMs, text: fact.failing.join('; ') });
      },
      end() {
        const settledMs = Math.max(
          stage.plan.healAtMs,
          truth.tamperedMs,
          ...stage.living.map((each) => each.stateSinceMs),
        );
        const quietMs = settledMs + stage.timing.latestTakeoverMs + 2 * propagationMs(court);
        const formed = stage.living.filter(
          ({ formedIn }) => formedIn !== undefined && formedIn.clusterId === truth.record?.clusterId,
        );
        if (formed.length < stage.names.length || !countEachOther(court, formed)) return;
        for (const actor of formed) {
          const told = last.get(actor);
          if (told === undefined || told.atMs < quietMs) continue;
          check(told.text === '', () => `${actor.label} is not well: ${told.text}`);
        }
      },
    };
  },
};

export const HEALTH_ORACLES: readonly Oracle[] = [H1, H2, H3];
