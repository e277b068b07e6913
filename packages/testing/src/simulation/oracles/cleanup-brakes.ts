import { BRAKE_NAMES, type BrakeName, BRAKES } from '@autocluster/core';
import type { MemberList } from '@autocluster/core/backend';
import type { Actor } from '../actor.js';
import type { NodeFact } from '../facts.js';
import { isList } from '../outcome.js';
import type { Court, Watcher } from './oracle.js';
import { graceMs, watchRemovals } from './removal.js';

/** The brakes of which a node tells: with a plan that has changed, or because one of them refused a removal. */
function brakesTold(fact: NodeFact): readonly BrakeName[] | undefined {
  if (fact.kind !== 'event') return undefined;
  const { name, data } = fact.event;
  const told = name === 'cleanup.refused' ? [data['by']] : name === 'cleanup.plan' ? data['heldBy'] : undefined;
  return Array.isArray(told) ? BRAKE_NAMES.filter((brake) => told.includes(brake)) : undefined;
}

const candidatesOf = ({ candidates }: Readonly<Record<string, unknown>>): readonly string[] =>
  (candidates as readonly { readonly node: string }[]).map(({ node }) => node);

const stopsClocks = (brake: BrakeName): boolean => BRAKES[brake].family === 'clocks';

/** Nobody is removed within one grace after a brake that stops the clocks. */
export function watchClocks(court: Court): Watcher {
  const stoppedMs = new Map<Actor, number>();
  const removals = watchRemovals(court, ({ actor, node }) => {
    const agoMs = court.stage.nowMs - (stoppedMs.get(actor) ?? Number.NEGATIVE_INFINITY);
    court.check(agoMs >= graceMs(court), () => `${actor.label} removes ${node}, ${agoMs} ms after its clocks stood`);
  });
  return {
    ...removals,
    node(actor, fact) {
      if (brakesTold(fact)?.some(stopsClocks)) stoppedMs.set(actor, court.stage.nowMs);
    },
  };
}

interface Told {
  readonly atMs: number;
  readonly list: MemberList;
}

/** What all lists said from which a plan may have been made holds it. */
export function watchListBrakes({ check, stage }: Court): Watcher {
  const answers = new Map<Actor, readonly Told[]>();
  /** Longer than a plan is made after its last list: peers that are missing in it are asked first. */
  const lookMs = 2 * stage.timing.callTimeoutMs;
  /** And longer than it takes to look twice, with a lock in between. */
  const removalMs = 4 * lookMs;
  const recent = (actor: Actor, withinMs: number) =>
    (answers.get(actor) ?? []).filter(({ atMs }) => stage.nowMs - atMs <= withinMs);
  return {
    answered({ actor, verb, end }) {
      if (verb !== 'list' || end?.kind !== 'resolved' || !isList(end.value)) return;
      answers.set(actor, [...recent(actor, removalMs), { atMs: stage.nowMs, list: end.value }]);
    },
    node(actor, fact) {
      if (fact.kind !== 'event' || fact.event.name !== 'cleanup.plan') return;
      const all = recent(actor, removalMs).map(({ list }) => list);
      for (const node of all.length > 0 ? candidatesOf(fact.event.data) : []) {
        const isListed = all.every(({ members, complete }) => complete && members.some((each) => each.node === node));
        check(!isListed, () => `${actor.label} takes ${node} for missing, and every list shows it`);
      }
      const lists = recent(actor, lookMs).map(({ list }) => list);
      if (lists.length === 0) return;
      const held = brakesTold(fact) ?? [];
      const must = (brake: BrakeName, holds: boolean) =>
        check(!holds || held.includes(brake), () => `${actor.label} plans without ${brake}`);
      must(
        'list-incomplete',
        lists.every(({ complete }) => !complete),
      );
      const isListed = (list: MemberList) => list.members.some(({ instance }) => instance === actor.instance);
      // A list that failed says nothing of the executor.
      must('self-unlisted', !held.includes('list-incomplete') && !lists.some(isListed));
    },
  };
}
