import { BRAKE_NAMES, type BrakeName, BRAKES } from '@autocluster/core';
import type { MemberList } from '@autocluster/core/backend';
import type { Actor } from '../actor.js';
import type { Call, Listener, NodeFact } from '../facts.js';
import { isList } from '../outcome.js';
import { type Court, perHistory, type Watcher } from './oracle.js';
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

/** The tick of cleanup in which each node is. */
class TickLog implements Listener {
  readonly #ticks = new Map<Actor, Tick>();

  of(actor: Actor): Tick | undefined {
    return this.#ticks.get(actor);
  }

  readonly sent = ({ actor, verb, sentMs }: Call): void => {
    if (verb !== 'list' || actor.node.cleanup.status.mode === 'off') return;
    const { ticks: count } = actor.node.cleanup.status.counters;
    if (this.#ticks.get(actor)?.count !== count) this.#ticks.set(actor, { count, sinceMs: sentMs });
  };
}

const ticksOf = perHistory(() => new TickLog());

/** Each tick removes at most one. */
export function watchPace(court: Court): Watcher {
  const { check, stage } = court;
  const { ttlMs, drift } = stage.traits;
  const ticks = ticksOf(court);
  const last = new Map<Actor, { readonly atMs: number; readonly tick: Tick | undefined }>();
  return watchRemovals(court, ({ actor, node }) => {
    const tick = ticks.of(actor);
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

  hear(list: MemberList, sentMs: number, atMs: number, keptSinceMs: number): void {
    const first = this.lists.findIndex((each) => each.atMs >= keptSinceMs);
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

/** What all lists said from which a plan may have been made holds it. */
export function watchListBrakes(court: Court): Watcher {
  const { check, stage } = court;
  const heard = new Map<Actor, Listened>();
  const ticks = ticksOf(court);
  /** Longer than a plan is made after its last list: peers that are missing in it are asked first. */
  const lookMs = 2 * stage.timing.callTimeoutMs;
  /** And longer than it takes to look twice. */
  const looksMs = 4 * lookMs;
  /** A plan is told when its removals are over, however long these took. */
  const sinceOf = (actor: Actor, { removes }: ToldPlan, withinMs: number) =>
    removes.length > 0 ? (ticks.of(actor)?.sinceMs ?? 0) : stage.nowMs - withinMs;
  const judgeCandidates = (actor: Actor, listened: Listened, told: ToldPlan) => {
    const sinceMs = sinceOf(actor, told, looksMs);
    const lists = listened.since(sinceMs);
    if (lists.length === 0) return;
    for (const { node, heldBy } of told.candidates) {
      const shows = ({ list }: Told) => list.complete && list.members.some((each) => each.node === node);
      check(!lists.every(shows), () => `${actor.label} takes ${node} for missing, and every list shows it`);
      const awayMs = stage.nowMs - (listened.seenMs.get(node) ?? Number.NEGATIVE_INFINITY);
      // It may have come back since.
      const isRipe = heldBy.includes('grace') || awayMs >= graceMs(court) || awayMs < stage.nowMs - sinceMs;
      check(isRipe, () => `${actor.label} counts ${node} as away for a grace, and saw it ${awayMs} ms ago`);
    }
  };
  const judgeBrakes = (actor: Actor, listened: Listened, told: ToldPlan, held: readonly BrakeName[]) => {
    const sinceMs = sinceOf(actor, told, lookMs);
    const lists = listened.since(sinceMs).map(({ list }) => list);
    if (lists.length === 0) return;
    const must = (brake: BrakeName, holds: boolean) =>
      check(!holds || held.includes(brake), () => `${actor.label} plans without ${brake}`);
    const isPartial = lists.every(({ complete }) => !complete);
    must('list-incomplete', isPartial);
    const isListed = (list: MemberList) => list.members.some(({ instance }) => instance === actor.instance);
    // A list that failed says nothing of the executor.
    must('self-unlisted', !held.includes('list-incomplete') && !lists.some(isListed));
    const changedMs = stage.nowMs - listened.changedMs;
    const isLate = listened.changedMs < sinceMs && changedMs < graceMs(court) - lookMs;
    must('store-changed', isLate && !held.some(stopsClocks));
  };
  return {
    answered(call) {
      const { actor, verb, sentMs, end, reporting } = call;
      // From what a report lists nothing is decided.
      if (reporting || verb !== 'list' || end?.kind !== 'resolved' || !isList(end.value)) return;
      const listened = heard.get(actor) ?? new Listened();
      heard.set(actor, listened);
      listened.hear(
        end.value,
        sentMs,
        stage.nowMs,
        Math.min(stage.nowMs - looksMs, ticks.of(actor)?.sinceMs ?? sentMs),
      );
    },
    node(actor, fact) {
      const listened = heard.get(actor);
      if (!listened || listened.lists.length === 0) return;
      if (fact.kind !== 'event' || fact.event.name !== 'cleanup.plan') return;
      const told = fact.event.data as unknown as ToldPlan;
      const { launchedMs, runningSinceMs = stage.nowMs } = actor;
      // Between the look and what was told of it the process may have been halted.
      const wasHalted = runningSinceMs > launchedMs && stage.nowMs - runningSinceMs < looksMs;
      if (told.removes.length === 0 && wasHalted) return;
      judgeCandidates(actor, listened, told);
      judgeBrakes(actor, listened, told, brakesTold(fact) ?? []);
    },
  };
}
