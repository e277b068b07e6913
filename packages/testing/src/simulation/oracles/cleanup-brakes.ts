import { BRAKE_NAMES, type BrakeName, BRAKES } from '@autocluster/core';
import type { MemberList } from '@autocluster/core/backend';
import type { Actor } from '../actor.js';
import type { Call, NodeFact } from '../facts.js';
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

interface Tick {
  /** How many were over before it. */
  readonly count: number;
  /** When its executor first asked for a list after those. */
  readonly sinceMs: number;
}

/** Each tick removes at most one. */
export function watchPace(court: Court): Watcher {
  const { check, stage } = court;
  const { ttlMs, drift, cleanup } = stage.traits;
  const ticks = new Map<Actor, Tick>();
  const last = new Map<Actor, { readonly atMs: number; readonly tick: Tick | undefined }>();
  const removals = watchRemovals(court, ({ actor, node }) => {
    const tick = ticks.get(actor);
    const before = last.get(actor);
    last.set(actor, { atMs: stage.nowMs, tick });
    const gapMs = stage.nowMs - (before?.atMs ?? Number.NEGATIVE_INFINITY);
    // The time between two ticks, less what jitter and calls may take from it.
    const neededMs = ttlMs / 8;
    // One that took long, since it waited for the lock or its process was halted, is followed by the next one at once.
    const sinceMs = before?.tick?.sinceMs ?? stage.nowMs;
    const wasLong = before?.tick?.count !== tick?.count && stage.nowMs - sinceMs >= 0.45 * ttlMs * (1 - 2 * drift);
    check(gapMs >= neededMs || wasLong, () => `${actor.label} removes ${node}, ${gapMs} ms after the one before`);
  });
  return {
    sent(call) {
      removals.sent(call);
      const { actor, verb } = call;
      if (verb !== 'list' || cleanup !== 'remove') return;
      const { ticks: count } = actor.node.cleanup.status.counters;
      if (ticks.get(actor)?.count !== count) ticks.set(actor, { count, sinceMs: stage.nowMs });
    },
  };
}

interface Told {
  readonly atMs: number;
  readonly list: MemberList;
}

/** What an executor was told by lists, whoever asked for them. */
class Listened {
  readonly lists: Told[] = [];
  /** When each member was last listed. */
  readonly seenMs = new Map<string, number>();
  /** When the store was last another one, or had gone back. */
  changedMs = Number.NEGATIVE_INFINITY;
  #heardMs = Number.NEGATIVE_INFINITY;
  #store: string | undefined;
  #revision: bigint | undefined;

  hear(list: MemberList, sentMs: number, atMs: number, keptMs: number): void {
    const first = this.lists.findIndex((each) => each.atMs >= atMs - keptMs);
    if (first > 0) this.lists.splice(0, first);
    this.lists.push({ atMs, list });
    for (const { node } of list.members) this.seenMs.set(node, atMs);
    if (!list.complete) return;
    // Asked for before the latest one came: it may be the older one.
    const isLate = sentMs < this.#heardMs;
    this.#heardMs = atMs;
    const { store = this.#store, revision = this.#revision } = list;
    const isOther = this.#store !== undefined && store !== this.#store;
    const fell = !isLate && this.#revision !== undefined && revision !== undefined && revision < this.#revision;
    if (isOther || fell) this.changedMs = atMs;
    if (isLate) return;
    this.#store = store;
    this.#revision = revision;
  }

  since(sinceMs: number): readonly Told[] {
    return this.lists.filter(({ atMs }) => atMs >= sinceMs);
  }
}

interface Candidate {
  readonly node: string;
  readonly heldBy: readonly BrakeName[];
}

interface ToldPlan {
  readonly candidates: readonly Candidate[];
  readonly removes: readonly string[];
}

/** How long the daemon of an executor has worked on its last removal: the plan is told when that is over, or was given up. */
function watchWork({ stage }: Court, toldWithinMs: number) {
  const works = new Map<Actor, { readonly sinceMs: number; untilMs: number | undefined }>();
  const longestMs = stage.traits.workMs + stage.timing.stopBudgetMs;
  return {
    workedMs: (actor: Actor, removes: readonly string[]): number => {
      const work = works.get(actor);
      if (!work || removes.length === 0) return 0;
      const untilMs = work.untilMs ?? Math.min(stage.nowMs, work.sinceMs + longestMs);
      return stage.nowMs - untilMs > toldWithinMs ? 0 : untilMs - work.sinceMs;
    },
    sent: ({ actor, verb }: Call): void => {
      if (verb === 'forget') works.set(actor, { sinceMs: stage.nowMs, untilMs: undefined });
    },
    answered: ({ actor, verb }: Call): void => {
      const work = verb === 'forget' ? works.get(actor) : undefined;
      if (work) work.untilMs = stage.nowMs;
    },
  };
}

/** What all lists said from which a plan may have been made holds it. */
export function watchListBrakes(court: Court): Watcher {
  const { check, stage } = court;
  const heard = new Map<Actor, Listened>();
  /** Longer than a plan is made after its last list: peers that are missing in it are asked first. */
  const lookMs = 2 * stage.timing.callTimeoutMs;
  /** And longer than it takes to look twice, with a lock in between. */
  const removalMs = 4 * lookMs;
  /** And than a daemon works on a removal. */
  const keptMs = stage.traits.workMs + 2 * removalMs;
  const { workedMs, ...work } = watchWork(court, removalMs);
  const judgeCandidates = (actor: Actor, listened: Listened, { candidates, removes }: ToldPlan) => {
    const windowMs = removalMs + workedMs(actor, removes);
    const lists = listened.since(stage.nowMs - windowMs);
    if (lists.length === 0) return;
    for (const { node, heldBy } of candidates) {
      const shows = ({ list }: Told) => list.complete && list.members.some((each) => each.node === node);
      check(!lists.every(shows), () => `${actor.label} takes ${node} for missing, and every list shows it`);
      const awayMs = stage.nowMs - (listened.seenMs.get(node) ?? Number.NEGATIVE_INFINITY);
      // It may have come back since.
      const isRipe = heldBy.includes('grace') || awayMs >= graceMs(court) || awayMs < windowMs;
      check(isRipe, () => `${actor.label} counts ${node} as away for a grace, and saw it ${awayMs} ms ago`);
    }
  };
  const judgeBrakes = (actor: Actor, listened: Listened, { removes }: ToldPlan, held: readonly BrakeName[]) => {
    const windowMs = removes.length > 0 ? removalMs + workedMs(actor, removes) : lookMs;
    const lists = listened.since(stage.nowMs - windowMs).map(({ list }) => list);
    if (lists.length === 0) return;
    const must = (brake: BrakeName, holds: boolean) =>
      check(!holds || held.includes(brake), () => `${actor.label} plans without ${brake}`);
    const isPartial = lists.every(({ complete }) => !complete);
    must('list-incomplete', isPartial);
    const isListed = (list: MemberList) => list.members.some(({ instance }) => instance === actor.instance);
    // A list that failed says nothing of the executor.
    must('self-unlisted', !held.includes('list-incomplete') && !lists.some(isListed));
    const changedMs = stage.nowMs - listened.changedMs;
    const isLate = changedMs > windowMs && changedMs < graceMs(court) - lookMs;
    must('store-changed', isLate && !held.some(stopsClocks));
  };
  return {
    answered(call) {
      work.answered(call);
      const { actor, verb, sentMs, end, reporting } = call;
      // From what a report lists nothing is decided.
      if (reporting || verb !== 'list' || end?.kind !== 'resolved' || !isList(end.value)) return;
      const listened = heard.get(actor) ?? new Listened();
      heard.set(actor, listened);
      listened.hear(end.value, sentMs, stage.nowMs, keptMs);
    },
    sent: work.sent,
    node(actor, fact) {
      const listened = heard.get(actor);
      if (!listened || listened.lists.length === 0) return;
      if (fact.kind !== 'event' || fact.event.name !== 'cleanup.plan') return;
      const told = fact.event.data as unknown as ToldPlan;
      const { launchedMs, runningSinceMs = stage.nowMs } = actor;
      // Between a plan and what was told of it the process may have been halted.
      const wasHalted =
        runningSinceMs > launchedMs && stage.nowMs - runningSinceMs < removalMs + workedMs(actor, told.removes);
      if (wasHalted) return;
      judgeCandidates(actor, listened, told);
      judgeBrakes(actor, listened, told, brakesTold(fact) ?? []);
    },
  };
}
