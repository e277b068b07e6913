import { CLEANUP_LOCK, type MemberList } from '@autocluster/core/backend';
import type { Actor } from '../actor.js';
import { propagationMs } from './creating.js';
import type { Court, Oracle, Watcher } from './oracle.js';

interface Seen {
  readonly store: string | undefined;
  readonly revision: bigint | undefined;
}

const isList = (value: unknown): value is MemberList =>
  typeof value === 'object' && value !== null && 'members' in value && 'revision' in value && 'complete' in value;

/** When each node last was answered with a store that had gone back, or with another one. */
function changesSeen() {
  const seen = new Map<Actor, Seen>();
  return (actor: Actor, list: MemberList): 'reverted' | 'changed' | undefined => {
    if (!list.complete) return undefined;
    const before = seen.get(actor);
    const { store, revision } = list;
    seen.set(actor, { store: store ?? before?.store, revision: revision ?? before?.revision });
    if (before?.store !== undefined && store !== undefined && before.store !== store) return 'changed';
    const fell = before?.revision !== undefined && revision !== undefined && revision < before.revision;
    return fell ? 'reverted' : undefined;
  };
}

/** A node that was told so decides nothing for a while; whether it was told in time to know is another question. */
function freezes(id: 'V1' | 'V3', holds: string, what: 'reverted' | 'changed'): Oracle {
  return {
    id,
    holds,
    watch(court) {
      const { check, stage, truth } = court;
      const toldMs = new Map<Actor, number>();
      const executors = new Set<Actor>();
      const change = changesSeen();
      return {
        node(actor, fact) {
          if (fact.kind !== 'event' || fact.event.name !== 'cleanup.executor') return;
          if (fact.event.data['active'] === true) executors.add(actor);
          else executors.delete(actor);
        },
        answered({ actor, verb, end, reporting }) {
          // Nothing of formation is decided from a report, nor from what the executor of cleanup lists for itself: also one that
          // got its lock in another store.
          const isExecutor = truth.holders.get(CLEANUP_LOCK)?.node === actor.name || executors.has(actor);
          if (reporting || verb !== 'list' || end?.kind !== 'resolved' || !isList(end.value)) return;
          // An executor's formation may have seen it too, and long ago when the executor is none any more.
          const isNew = change(actor, end.value) === what;
          if (isNew && !isExecutor) toldMs.set(actor, actor.clock.monotonicMs());
        },
        sent({ actor, verb }) {
          const sinceMs = actor.clock.monotonicMs() - (toldMs.get(actor) ?? Number.POSITIVE_INFINITY);
          if (!(sinceMs > 0)) return;
          if (verb === 'create' || verb === 'join') {
            const frozenMs = stage.timing.renewalMs + stage.timing.callTimeoutMs;
            check(sinceMs >= frozenMs - 1, () => `${actor.label}: ${verb} ${sinceMs} ms after the store ${what}`);
          } else if (verb === 'list') check(true, () => '');
        },
      };
    },
  };
}

const V1 = freezes('V1', 'whoever sees the store go back decides nothing for one propagation', 'reverted');
const V3 = freezes('V3', 'whoever sees another store decides nothing for one propagation', 'changed');

const viewOf = (nodes: readonly string[], complete: boolean): string =>
  `${[...nodes].sort().join(' ')}${complete ? '' : ' …'}`;

/** Every list with which each node was answered: one that failed, or that it never got, is none that it may show. */
function watchAnswers({ check }: Court): Watcher {
  const answers = new Map<Actor, Set<string>>();
  return {
    answered({ actor, verb, end }) {
      if (verb !== 'list' || end?.kind !== 'resolved' || !isList(end.value)) return;
      const told = answers.get(actor) ?? new Set();
      const nodes = end.value.members.map(({ node }) => node);
      answers.set(actor, told.add(viewOf(nodes, end.value.complete)));
    },
    node(actor, fact) {
      if (fact.kind !== 'event' || fact.event.name !== 'view.changed') return;
      const { members, complete } = fact.event.data as {
        readonly members: readonly string[];
        readonly complete: boolean;
      };
      const shown = viewOf(members, complete);
      check(answers.get(actor)?.has(shown) === true, () => `${actor.label} shows ${shown}, which no list said`);
    },
  };
}

const V2: Oracle = {
  id: 'V2',
  holds: 'what a node shows is what a list said, and once it is quiet, what the store lists',
  watch: (court) => ({
    ...watchAnswers(court),
    end() {
      const { check, stage, truth } = court;
      // Where the store tells of changes, a change whose telling was lost may go unseen for two TTLs.
      const relistMs = 2 * stage.traits.ttlMs + 2 * propagationMs(court) + 10_000;
      const listed = [...truth.registrations.keys()].sort().join(' ');
      for (const actor of stage.living) {
        const cleanMs = stage.nowMs - Math.max(actor.cleanSinceMs, stage.plan.healAtMs);
        const { view } = actor.node;
        if (cleanMs < relistMs || view.kind !== 'known') continue;
        const shown = view.members
          .map(({ node }) => node)
          .sort()
          .join(' ');
        const changedMs = stage.nowMs - lastChangeMs(court.stage.store.history);
        const quiet = changedMs > relistMs;
        check(!quiet || shown === listed, () => `${actor.label} shows ${shown}, the store lists ${listed}`);
      }
    },
  }),
};

const lastChangeMs = (history: readonly { readonly atMs: number; readonly kind: string }[]): number =>
  history.findLast(({ kind }) => kind.startsWith('regist') || kind === 'unregistered' || kind === 'operator')?.atMs ??
  0;

const V4: Oracle = {
  id: 'V4',
  holds: 'while the store is away nothing changes in a cluster that runs',
  watch({ check, truth, stage }) {
    const awayFor = (actor: Actor) => stage.nowMs - (truth.lists.get(actor)?.atMs ?? stage.nowMs);
    const unheard = new Set<Actor>();
    return {
      answered({ actor, verb, end, reporting }) {
        if (verb !== 'list' || reporting) return;
        if (end?.kind === 'resolved') unheard.delete(actor);
        else unheard.add(actor);
      },
      sent({ actor, verb }) {
        if (verb !== 'reset' && verb !== 'join' && verb !== 'create' && verb !== 'forget') return;
        const isBlind = verb === 'reset' && unheard.has(actor);
        check(!isBlind, () => `${actor.label} got no answer to its last list, and does ${verb}`);
        if (actor.formedIn === undefined) return;
        const away = awayFor(actor) > 3 * stage.timing.renewalMs;
        check(!away, () => `${actor.label} hears nothing of the store, and does ${verb}`);
      },
      node(actor, fact) {
        if (fact.kind !== 'event' || fact.event.name !== 'store.lost') return;
        const { kind } = actor.node.state;
        check(kind !== 'failed' || actor.failure !== undefined, () => `${actor.label} fails with the store`);
      },
    };
  },
};

const V5: Oracle = {
  id: 'V5',
  holds: 'nothing in the store, however malformed, is thrown out of a loop; it is skipped and told',
  watch: ({ check }) => ({
    answered({ actor, verb, end }) {
      if (verb !== 'list' || end?.kind !== 'resolved' || !isList(end.value)) return;
      check(!actor.crashed, () => `${actor.label} is dead and reads`);
    },
  }),
};

const V6: Oracle = {
  id: 'V6',
  holds: 'what a newer version has written into the record is kept when it is written again',
  watch: ({ check, truth }) => ({
    store(event) {
      if (event.kind !== 'record-committed' || event.record.kind !== 'present') return;
      const { record } = event.record;
      const before = truth.recordBefore;
      if (before?.clusterId !== record.clusterId) return;
      const kept = Object.entries(before.extra).every(([name, value]) => record.extra[name] === value);
      check(kept, () => `fields of a newer version are gone: ${Object.keys(before.extra).join(', ')}`);
      check(record.version > before.version, () => `version ${record.version} after ${before.version}`);
    },
  }),
};

const CALLS_A_SECOND = 60;

const V7: Oracle = {
  id: 'V7',
  holds: 'no node asks the store more often than its budget',
  watch({ check, stage }) {
    const windows = new Map<Actor, { second: number; calls: number }>();
    return {
      sent({ actor, verb }) {
        if (verb !== 'list' && verb !== 'register' && verb !== 'lock') return;
        const second = Math.floor(stage.nowMs / 1_000);
        const window = windows.get(actor) ?? { second, calls: 0 };
        windows.set(actor, window);
        if (window.second !== second) Object.assign(window, { second, calls: 0 });
        window.calls += 1;
        const budget = CALLS_A_SECOND + 15 * stage.traits.nodes;
        check(window.calls <= budget, () => `${actor.label} asks the store for the ${window.calls}th time in a second`);
      },
    };
  },
};

export const STORE_VIEW_ORACLES: readonly Oracle[] = [V1, V2, V3, V4, V5, V6, V7];
