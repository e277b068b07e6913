import { BRAKE_NAMES, type BrakeName } from '@autocluster/core';
import {
  CLEANUP_LOCK,
  type ClusterRecord,
  decodeRecord,
  FORMATION_LOCK,
  type LockRequest,
} from '@autocluster/core/backend';
import type { ForgetRequest, JoinRequest } from '@autocluster/core/driver';
import type { DaemonEvent } from '../../daemon/index.js';
import type { StoreEvent } from '../../store/index.js';
import type { Actor } from '../actor.js';
import type { Call } from '../facts.js';
import { outcomeOf } from '../outcome.js';
import { watchClocks, watchListBrakes, watchPace } from './cleanup-brakes.js';
import { mayNotKnow } from './locks.js';
import { type Court, type Oracle, together, type Watcher } from './oracle.js';
import { graceMs, grantedMs, type ListAnswer, listLogOf, watchRemovals } from './removal.js';
import { toldIn } from './told.js';

const MEMBERS_MIN = 2;
/** The setting of a record under which operators say why nobody is removed. */
const PAUSED = 'cleanup.paused';

const C6: Oracle = {
  id: 'C6',
  holds: 'as many members are left as must be, and each tick removes at most one',
  watch(court) {
    const { check, stage, truth } = court;
    /** When the view of each daemon last became another one by hand. */
    const exchangedMs = new Map<string, number>();
    return {
      ...watchPace(court),
      daemon(event) {
        if (event.kind === 'view-replaced') exchangedMs.set(event.node, stage.nowMs);
        if (event.kind !== 'forgotten') return;
        const left = stage.daemons.daemon(event.by).inspect().disk.members.length;
        const grant = truth.grants.get(BigInt(event.token));
        // Under the lock it was looked at once, and not again when the daemon went about it.
        const wasExchanged = grant !== undefined && (exchangedMs.get(event.by) ?? 0) > grant.sinceMs;
        check(left >= MEMBERS_MIN || wasExchanged, () => `${event.by} removes ${event.node}; ${left} are left`);
      },
    };
  },
};

/** Since a removal has the formation lock, the store has said once more that both locks are held. */
function watchProofs(court: Court): Watcher {
  const proved = new Map<Actor, Map<string, number>>();
  const removals = watchRemovals(court, ({ actor, node, request }) => {
    const sinceMs = grantedMs(court, request);
    for (const lock of [FORMATION_LOCK, CLEANUP_LOCK]) {
      const provedMs = proved.get(actor)?.get(lock) ?? Number.NEGATIVE_INFINITY;
      court.check(provedMs >= sinceMs, () => `${actor.label} removes ${node}, and has not asked for its ${lock} lock`);
    }
  });
  return {
    ...removals,
    answered({ actor, verb, request, sentMs, end }) {
      if (verb !== 'lock' || end?.kind !== 'resolved' || outcomeOf(end.value) !== 'held') return;
      const { name, held } = request as LockRequest;
      if (held) proved.set(actor, (proved.get(actor) ?? new Map<string, number>()).set(name, sentMs));
    },
  };
}

const C7: Oracle = {
  id: 'C7',
  holds: 'whoever removes has both locks, names the token of the formation lock, and has put the name on record before',
  watch: (court) =>
    together(
      watchProofs(court),
      watchRemovals(court, ({ actor, node, request }) => {
        const { truth, check, stage } = court;
        const { token } = request;
        const isOwn = truth.attemptOf(actor, FORMATION_LOCK, token) !== undefined;
        check(isOwn, () => `${actor.label} removes ${node} under ${token}, which it was never given`);
        if (mayNotKnow(court, { actor, token, beganMs: stage.nowMs }, FORMATION_LOCK)) return;
        const formation = truth.holders.get(FORMATION_LOCK);
        check(
          formation?.token === token,
          () => `${actor.label} removes ${node} under ${token}, not ${formation?.token}`,
        );
        const cleanup = truth.holders.get(CLEANUP_LOCK);
        const tampered = truth.tamperedMs > stage.nowMs - stage.traits.ttlMs;
        const isHolder = cleanup?.node === actor.name || tampered;
        check(isHolder, () => `${actor.label} removes ${node}, and ${cleanup?.node ?? 'nobody'} has the cleanup lock`);
        const isOnRecord = tampered || truth.record?.removed.includes(node) === true;
        check(isOnRecord, () => `${actor.label} removes ${node}, which the record does not name as removed`);
      }),
    ),
};

/** Names that the record remembers from now on as removed, and did not before. */
function newlyRemoved(record: ClusterRecord, before: ClusterRecord | undefined): readonly string[] {
  if (before?.clusterId !== record.clusterId || record.version !== before.version + 1) return [];
  return record.removed.filter((node) => !before.removed.includes(node));
}

const C10: Oracle = {
  id: 'C10',
  holds: 'whoever only reports marks and removes nobody',
  watch(court) {
    const { stage, truth, check } = court;
    const removes = stage.traits.cleanup === 'remove';
    const removals = watchRemovals(court, ({ actor, node }) => check(removes, () => `${actor.label} removes ${node}`));
    /** Whom an operator ever wrote down as removed: whoever read that may write it on after it is gone. */
    const byOperators = new Set<string>();
    return {
      ...removals,
      store(event) {
        if (event.kind === 'operator' && event.action === 'overwrite-record') {
          const written = decodeRecord(event.subject);
          if (written.kind === 'present') for (const node of written.record.removed) byOperators.add(node);
        }
        if (event.kind !== 'record-committed' || event.record.kind !== 'present') return;
        const marked = newlyRemoved(event.record.record, truth.recordBefore).filter((node) => !byOperators.has(node));
        check(removes || marked.length === 0, () => `${event.node} marks ${marked.join(', ')}`);
      },
    };
  },
};

const C11: Oracle = {
  id: 'C11',
  holds:
    'nobody is removed within one grace after the store changed or the clocks stood, nor while cleanup is paused; lists that lack hold a plan',
  watch(court) {
    const { stage, check } = court;
    const { answers } = listLogOf(court);
    const changes = watchRemovals(court, ({ actor, node, list, request }) => {
      const { truth } = court;
      // The record changes under the lock alone, or by hand.
      const isAsGranted = (truth.grants.get(request.token)?.sinceMs ?? stage.nowMs) > truth.recordTamperedMs;
      const paused = isAsGranted ? truth.record?.settings[PAUSED] : undefined;
      check(paused === undefined, () => `${actor.label} removes ${node}, and cleanup is paused: ${paused}`);
      const untilMs = stage.nowMs - graceMs(court);
      const isBefore = (each: ListAnswer) => each.actor === actor && each.list.complete && each.atMs < untilMs;
      const before = answers.findLast(isBefore)?.list;
      const isOther = before?.store !== undefined && list?.store !== undefined && before.store !== list.store;
      const fell = before?.revision !== undefined && list?.revision !== undefined && list.revision < before.revision;
      check(!isOther && !fell, () => `${actor.label} removes ${node} within a grace after the store changed`);
    });
    return together(watchClocks(court), watchListBrakes(court), changes);
  },
};

const C12: Oracle = {
  id: 'C12',
  holds: 'whatever holds a plan or a removal has the name of a brake, and is counted under it',
  watch({ check }) {
    const held = new Map<Actor, Set<BrakeName>>();
    return {
      node(actor, fact) {
        if (fact.kind !== 'event') return;
        const { name, data } = fact.event;
        const given = name === 'cleanup.refused' ? [data['by']] : name === 'cleanup.plan' ? data['heldBy'] : [];
        for (const each of Array.isArray(given) ? given : []) {
          const brake = BRAKE_NAMES.find((known) => known === each);
          check(brake !== undefined, () => `${actor.label} gives ${String(each)} for a reason`);
          if (brake) held.set(actor, (held.get(actor) ?? new Set()).add(brake));
        }
      },
      end() {
        for (const [actor, brakes] of held) {
          const { counters } = actor.node.cleanup.status;
          const uncounted = [...brakes].filter((brake) => (counters.held[brake] ?? 0) === 0);
          // The tick in which it died was not counted.
          check(actor.crashed || uncounted.length === 0, () => `${actor.label} did not count ${uncounted.join(', ')}`);
        }
      },
    };
  },
};

/** Whether all that the target said since the last list names whoever joins it. */
function watchCounted(court: Court): (join: Call) => boolean {
  const log = toldIn(court);
  return ({ actor, request }) => {
    const { seed } = request as JoinRequest;
    const { lists, healths } = log.of(actor);
    const sinceMs = lists.at(-1)?.sentMs ?? 0;
    const said = healths.filter(({ node, sentMs, value }) => node === seed.node && sentMs >= sinceMs && value.view);
    return said.length > 0 && said.every(({ value }) => value.view?.members.includes(actor.name));
  };
}

const C13: Oracle = {
  id: 'C13',
  holds:
    'nobody is forgotten while it joins, nor joins while it is forgotten, or without the lock whom others count in',
  watch(court) {
    const { check, truth } = court;
    const countsStill = watchCounted(court);
    const running = new Map<Call, string>();
    /** Whether its lock is over and its process cannot know: it was halted, or somebody took the lock away. */
    const isOvertaken = ({ actor, request, sentMs }: Call) => {
      const { token } = request as ForgetRequest | JoinRequest;
      if (token === undefined || truth.holders.get(FORMATION_LOCK)?.token === token) return false;
      return mayNotKnow(court, { actor, token, beganMs: sentMs }, FORMATION_LOCK);
    };
    const callsOf = (verb: string, node: string) =>
      [...running.keys()].filter(
        (call) =>
          call.verb === verb &&
          running.get(call) === node &&
          !call.signal.aborted &&
          !call.actor.crashed &&
          !isOvertaken(call),
      );
    return {
      sent(call) {
        if (call.verb === 'forget') {
          const { node } = call.request as ForgetRequest;
          check(callsOf('join', node).length === 0, () => `${call.actor.label} removes ${node}, which joins`);
          running.set(call, node);
        } else if (call.verb === 'join') {
          const { name } = call.actor;
          const { token, record } = call.request as {
            readonly token: bigint | undefined;
            readonly record: ClusterRecord;
          };
          // Whoever reads a record from which an operator has taken its mark cannot know.
          const isUnmarked = ({ sentMs }: Call) => !record.removed.includes(name) && truth.recordTamperedMs > sentMs;
          check(callsOf('forget', name).every(isUnmarked), () => `${name} joins while it is removed`);
          const isGuarded = token !== undefined || !record.removed.includes(name);
          check(isGuarded, () => `${name} was removed, and joins without the lock`);
          const isCounted = token === undefined && countsStill(call);
          check(!isCounted, () => `${name} joins without the lock, and its target counts it in`);
          running.set(call, name);
        }
      },
      answered: (call) => void running.delete(call),
    };
  },
};

const C14: Oracle = {
  id: 'C14',
  holds: 'the base of every majority is durable: only who leaves for good lowers it, by itself',
  watch: ({ check, truth }) => {
    const left = new Set<Actor>();
    return {
      store(event) {
        if (event.kind !== 'record-committed' || event.record.kind !== 'present') return;
        const { record } = event.record;
        const before = truth.recordBefore;
        if (before?.clusterId !== record.clusterId) return;
        const writer = truth.attempts.get(event.attempt)?.actor;
        const leaves = writer?.leaving === true && !left.has(writer) && record.size < before.size;
        if (writer && leaves) left.add(writer);
        const least = leaves ? before.size - 1 : before.size;
        const text = () => `${writer?.label ?? event.node} lowers the size from ${before.size} to ${record.size}`;
        check(record.size >= least, text);
      },
    };
  },
};

const C16: Oracle = {
  id: 'C16',
  holds: 'growth raises the base: once it is quiet, the record counts every member',
  watch: ({ check, stage, truth }) => {
    let grownMs = 0;
    const left = new Set<string>();
    const end = () => {
      const quietMs = stage.nowMs - Math.max(stage.plan.healAtMs, truth.tamperedMs, grownMs);
      const turnsMs = (2 * stage.traits.nodes + 2) * stage.timing.renewalMs + stage.timing.latestTakeoverMs;
      if (!stage.durable || quietMs < turnsMs) return;
      for (const actor of stage.living) {
        // Whether there may be two clusters is another question.
        if (actor.formedIn === undefined || actor.formedIn.clusterId !== truth.record?.clusterId) continue;
        const counted = stage.daemons.daemon(actor.name).inspect().disk.members;
        // Whoever was down when one left counts it still.
        const members = counted.filter((each) => !left.has(each));
        const size = truth.record?.size ?? 0;
        check(size >= members.length, () => `${actor.label} has ${members.length} members, the record counts ${size}`);
      }
    };
    const daemon = (event: DaemonEvent) => {
      if (event.kind === 'left') left.add(event.node);
      if (event.kind !== 'joined') return;
      left.delete(event.node);
      grownMs = stage.nowMs;
    };
    const store = (event: StoreEvent) => {
      // Until then nobody could write the record.
      if (event.kind === 'lock-expired' && event.lock === FORMATION_LOCK) grownMs = stage.nowMs;
    };
    return { daemon, store, end };
  },
};

/** Whether the executor keeps to its locks, its limits and its place. */
export const CLEANUP_CONDUCT_ORACLES: readonly Oracle[] = [C6, C7, C10, C11, C12, C13, C14, C16];
