import { type ClusterRecord, compareNodes, type MemberList, type NodeId } from '@autocluster/core/backend';
import type { LocalIdentity } from '@autocluster/core/driver';
import type { DaemonEvent } from '../../daemon/index.js';
import type { Actor } from '../actor.js';
import { watchAskable } from './askable.js';
import { watchGivingUp, watchOffers } from './decisions.js';
import { type Court, type Oracle, together, type Watcher } from './oracle.js';
import { F15 } from './removed.js';
import { toldIn } from './told.js';

interface Join {
  readonly seed: { readonly node: NodeId; readonly instance: string };
  readonly record: ClusterRecord;
  readonly list: MemberList | undefined;
}

const joinOf = (request: unknown): Join => request as Join;
const isIn = (identity: LocalIdentity, { clusterId }: { readonly clusterId: string }): boolean =>
  identity.kind === 'committed' && identity.clusterId === clusterId;

const F3: Oracle = {
  id: 'F3',
  holds: 'a node whose daemon belongs to one cluster never registers for, joins or creates another',
  watch(court) {
    const { check, truth, stage } = court;
    const { lately, ...heard } = watchAskable(court);
    return together(heard, {
      store(event) {
        if (event.kind !== 'registered' || event.identity === undefined) return;
        const { clusterId } = event.identity;
        const isOwn = lately(event.node).some((each) => 'clusterId' in each && each.clusterId === clusterId);
        check(
          isOwn || !stage.durable,
          () => `${event.node} registers for ${clusterId}, which its daemon does not know`,
        );
      },
      sent({ actor, verb }) {
        if (verb !== 'join' && verb !== 'create') return;
        // Its disk may have come back since it was asked, in the look that was made with the latest list.
        const lookedMs = truth.lists.get(actor)?.sentMs ?? stage.nowMs;
        const had = truth.identitiesSince(actor.name, lookedMs);
        const blank = had.some((own) => own.kind !== 'committed') || !stage.canTell(actor.name);
        check(blank, () => `${actor.label}: ${verb} with a daemon that belongs to a cluster`);
      },
    });
  },
};

const LOSSES: ReadonlySet<DaemonEvent['kind']> = new Set(['wiped', 'disk-replaced', 'view-replaced', 'left', 'reset']);

/** Members that counted this node in when it looked, and have lost their data since then. */
function watchLosses(court: Court) {
  const { stage, truth } = court;
  const log = toldIn(court);
  const lostMs = new Map<NodeId, number>();
  return {
    daemon: (event: DaemonEvent): void => {
      if ('node' in event && LOSSES.has(event.kind)) lostMs.set(event.node, stage.nowMs);
    },
    wasSeen(actor: Actor, record: ClusterRecord): boolean {
      const { healths, lists } = log.of(actor);
      const lookedMs = truth.lists.get(actor)?.sentMs ?? stage.nowMs;
      const ownLookedMs = lists.at(-1)?.sentMs ?? Number.POSITIVE_INFINITY;
      return healths.some(
        ({ node, value: { view }, sentMs }) =>
          sentMs >= ownLookedMs &&
          (lostMs.get(node) ?? Number.NEGATIVE_INFINITY) >= lookedMs &&
          view?.members.includes(actor.name) === true &&
          isIn(view.identity, record),
      );
    },
  };
}

const F4: Oracle = {
  id: 'F4',
  holds: 'a joiner counts as one when its join succeeded and a member has it in its own view',
  watch: (court) => {
    const { check, stage } = court;
    const joined = new Map<Actor, string>();
    const losses = watchLosses(court);
    return {
      daemon(event) {
        losses.daemon(event);
        // Whether an exchanged disk still has what the join has made is another question.
        const isExchanged = event.kind === 'wiped' || event.kind === 'disk-replaced' || event.kind === 'view-replaced';
        if (isExchanged) for (const actor of joined.keys()) if (actor.name === event.node) joined.delete(actor);
      },
      answered({ actor, verb, request, end }) {
        if (verb === 'join' && end?.kind === 'resolved') joined.set(actor, joinOf(request).record.clusterId);
      },
      sent({ actor, verb, request }) {
        if (verb !== 'committed' || actor.state.kind !== 'confirming' || !joined.has(actor) || !stage.durable) return;
        const record = request as ClusterRecord;
        const { clusterId } = record;
        if (joined.get(actor) !== clusterId) return;
        joined.delete(actor);
        const own = stage.daemons.daemon(actor.name).inspect().disk;
        const seen = stage.daemons.daemons.some((peer) => {
          const { disk } = peer.inspect();
          // Its own disk may have been exchanged since; the members of that cluster know better.
          const isOfIt = disk.cluster === own.cluster || isIn(disk.identity, { clusterId });
          return peer.self() !== actor.name && isOfIt && disk.members.includes(actor.name);
        });
        const counts = seen || losses.wasSeen(actor, record);
        check(counts, () => `${actor.label} counts itself in, and no member has it in its view`);
      },
    };
  },
};

const F5: Oracle = {
  id: 'F5',
  holds: 'a node is listed as ready only when its daemon is in the cluster that it is listed with',
  watch(court) {
    const { check, stage } = court;
    const { lately, ...heard } = watchAskable(court);
    return together(watchOffers(court), heard, {
      store(event) {
        if (event.kind !== 'registered' || event.state !== 'ready') return;
        const { identity, node } = event;
        const isMember = identity !== undefined && lately(node).some((each) => isIn(each, identity));
        check(
          isMember || !stage.canTell(node),
          () => `${node} is listed as ready in ${identity?.clusterId ?? 'nothing'}`,
        );
      },
    });
  },
};

const F11: Oracle = {
  id: 'F11',
  holds: 'from the same list, every node picks the same target',
  watch: ({ check, stage }) => {
    const picked = new Map<string, string>();
    let disturbed = false;
    return {
      struck: () => void (disturbed = true),
      sent({ verb, request }) {
        if (verb !== 'join') return;
        const { seed, list } = joinOf(request);
        if (!list?.complete) return;
        const ready = list.members.filter((each) => each.state === 'ready');
        if (stage.traits.select === 'first-by-name' && !disturbed) {
          const first = ready.map((each) => each.node).sort(compareNodes)[0];
          check(first === seed.node, () => `${seed.node} is joined, ${first} comes first`);
        }
        const key = `${list.store}@${list.revision}`;
        const before = picked.get(key) ?? seed.node;
        check(disturbed || before === seed.node, () => `from ${key}, ${before} and ${seed.node} were picked`);
        picked.set(key, seed.node);
      },
    };
  },
};

/** Entries that came back with an older copy of the store, or with a late copy of a request, and that nobody has made anew since. */
function watchGhosts({ stage, truth }: Court) {
  const backMs = new Map<string, number>();
  /** Until when an entry that was made anew stood there as it came back. */
  const untilMs = new Map<string, number>();
  const made = (instance: string) =>
    void (backMs.has(instance) && !untilMs.has(instance) && untilMs.set(instance, stage.nowMs));
  const watcher: Watcher = {
    store(event) {
      if (event.kind === 'registered') {
        const isGone = stage.actors.some((each) => each.instance === event.instance && (each.ended || each.crashed));
        if (!isGone) made(event.instance);
        else if (!backMs.has(event.instance)) backMs.set(event.instance, event.atMs);
      }
      if (event.kind !== 'operator' || truth.replacedMs !== event.atMs) return;
      for (const { instance } of truth.registrations.values()) {
        backMs.set(instance, event.atMs);
        untilMs.delete(instance);
      }
    },
    answered({ verb, actor, end }) {
      if (verb === 'register' && end?.kind === 'resolved' && actor.instance !== undefined) made(actor.instance);
    },
  };
  return {
    watcher,
    isGhost: (instance: string, listedMs: number): boolean =>
      backMs.has(instance) && (untilMs.get(instance) ?? Number.POSITIVE_INFINITY) >= listedMs,
  };
}

const F13: Oracle = {
  id: 'F13',
  holds: 'nobody joins a node whose daemon is not in the cluster on record',
  watch(court) {
    const { check, truth, stage } = court;
    const { watcher, isGhost } = watchGhosts(court);
    const joins: Watcher = {
      sent({ actor, verb, request }) {
        if (verb !== 'join') return;
        const { seed, record } = joinOf(request);
        const listedMs = truth.lists.get(actor)?.sentMs ?? stage.nowMs;
        const sinceMs = Math.min(listedMs, actor.runningSinceMs ?? listedMs) - stage.timing.callTimeoutMs;
        const lately = truth.identitiesSince(seed.node, sinceMs);
        const isMember = lately.some((each) => isIn(each, record));
        // Where entries are views, nobody can tell one that came back from a member.
        const mayBeGhost = !stage.durable && isGhost(seed.instance, listedMs);
        check(
          isMember || mayBeGhost || !stage.canTell(seed.node),
          () => `${actor.label} joins ${seed.node}, which is not in ${record.clusterId}`,
        );
      },
    };
    return together(watcher, joins);
  },
};

/** What is destroyed was nothing, or may be destroyed. */
const watchResets = ({ check, stage }: Court): Watcher => ({
  sent({ actor, verb }) {
    if (verb !== 'reset') return;
    const own = stage.identityOf(actor.name);
    const permitted = own.kind !== 'committed' || stage.traits.onEvicted === 'rejoin' || !stage.canTell(actor.name);
    check(permitted, () => `${actor.label} destroys its membership of a cluster`);
  },
  end() {
    if (!stage.durable) return;
    for (const actor of stage.living) {
      const own = stage.identityOf(actor.name);
      const stuck = own.kind === 'provisional' && actor.formedIn !== undefined;
      check(!stuck, () => `${actor.label} is formed, and its daemon is provisional`);
    }
  },
});

const F16: Oracle = {
  id: 'F16',
  holds: 'only what is provisional or blank is destroyed without permission, and it serves nobody',
  watch: (court) => together(watchResets(court), watchGivingUp(court)),
};

export const JOINING_ORACLES: readonly Oracle[] = [F3, F4, F5, F11, F13, F15, F16];
