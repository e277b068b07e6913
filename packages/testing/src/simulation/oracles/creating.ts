import type { ClusterRecord } from '@autocluster/core/backend';
import type { Actor } from '../actor.js';
import { watchCommits, watchGrants, watchUndoing } from './decisions.js';
import { type Court, type Oracle, together, type Watcher } from './oracle.js';
import { listLogOf } from './removal.js';
import { LYING } from './removed.js';
import { F17 } from './work.js';

/** How long a fact of the store needs to reach every node that is well, in ms. */
export const propagationMs = ({ stage }: Court): number =>
  stage.timing.renewalMs + stage.timing.callTimeoutMs + 2 * stage.traits.latencyMs;

/** Nodes that are members of another cluster and had every chance to say so. */
function witnesses(court: Court, clusterId: string): readonly Actor[] {
  const { stage } = court;
  const longMs = stage.timing.latestTakeoverMs + 2 * propagationMs(court);
  return stage.living.filter((actor) => {
    const sinceMs = Math.max(actor.cleanSinceMs, actor.stateSinceMs, actor.runningSinceMs ?? Number.POSITIVE_INFINITY);
    const { formedIn } = actor;
    return formedIn !== undefined && formedIn.clusterId !== clusterId && stage.nowMs - sinceMs > longMs;
  });
}

const F1: Oracle = {
  id: 'F1',
  holds: 'at most one cluster of each generation is ever put on record, and the token of the latest is the highest',
  watch(court) {
    const { check, truth } = court;
    const byGeneration = new Map<number, ClusterRecord>();
    return {
      store(event) {
        if (event.kind !== 'record-committed' || event.record.kind !== 'present') return;
        const { record } = event.record;
        const other = byGeneration.get(record.generation) ?? record;
        byGeneration.set(record.generation, record);
        // A store that forgot everything while nobody was there to tell it is a new one.
        const wasThere = truth.recordBefore?.clusterId === other.clusterId;
        const excused = truth.recordTamperedMs >= 0 && !wasThere && witnesses(court, record.clusterId).length === 0;
        check(other.clusterId === record.clusterId || excused, () => {
          const made = `${record.createdBy} made ${record.clusterId}, ${other.createdBy} had made ${other.clusterId}`;
          return `generation ${record.generation}: ${made}`;
        });
      },
    };
  },
};

const F1b: Oracle = {
  id: 'F1b',
  holds:
    'nobody is formed in a cluster that was never put on record, and none is put there that the daemon does not have',
  watch(court) {
    const { check, truth } = court;
    return together(watchCommits(court), {
      node(actor, fact) {
        if (fact.kind !== 'state' || fact.state.kind !== 'formed') return;
        const { clusterId } = fact.state.identity;
        check(truth.committed.has(clusterId), () => `${actor.label} is formed in ${clusterId}, which nobody committed`);
      },
    });
  },
};

const F2: Oracle = {
  id: 'F2',
  holds: 'a cluster on record is only replaced by the next generation, and only where that is allowed',
  watch(court) {
    const { check, truth, stage } = court;
    const { answers } = listLogOf(court);
    const wasTold = (writer: Actor | undefined, generation: number): boolean =>
      answers.some(
        ({ actor, list: { record, members } }) =>
          actor === writer &&
          ((record.kind === 'present' && record.record.generation === generation) ||
            members.some(({ identity }) => identity?.generation === generation)),
      );
    return {
      store(event) {
        if (event.kind !== 'record-committed' || event.record.kind !== 'present') return;
        const { record } = event.record;
        const { recordBefore } = truth;
        if (!recordBefore || recordBefore.clusterId === record.clusterId) return check(true, () => '');
        const { generation } = recordBefore;
        // Whoever saw a later one before an older copy of the store came back goes on from that.
        const isOlder = truth.replacedMs >= 0 && record.generation > generation + 1;
        const isNext =
          record.generation === generation + 1 ||
          (isOlder && wasTold(truth.attempts.get(event.attempt)?.actor, record.generation - 1));
        const allowed = stage.traits.whenNobodyAlive !== 'wait' && isNext;
        // The lock keeps away who takes it, not who writes by hand.
        const grantedMs = truth.grants.get(record.token)?.sinceMs ?? stage.nowMs;
        const isBlind = truth.recordTamperedMs >= grantedMs;
        check(allowed || isBlind || isRestoreOver(record, recordBefore), () => {
          const before = `${recordBefore.clusterId}/${generation}`;
          return `${record.clusterId}/${record.generation} replaces ${before} on record`;
        });
      },
    };
  },
};

/** Members put their newer cluster back over an older one that a restored store shows. */
const isRestoreOver = (record: ClusterRecord, before: ClusterRecord) =>
  record.generation > before.generation && record.version > 1;

/** Lists that lack nobody, and that are young. */
function watchLists(court: Court): Watcher {
  const { check, truth, stage } = court;
  // Some faults are lists that lie on purpose.
  let lies = stage.traits.store === 'late';
  return {
    struck: (fault) => void (lies ||= LYING.has(fault)),
    answered({ actor, verb, sentMs, end }) {
      const listed = truth.lists.get(actor);
      if (verb !== 'list' || lies || end?.kind !== 'resolved' || !listed || end.value !== listed.list) return;
      if (!listed.list.complete || truth.tamperedMs >= sentMs) return;
      const shown = new Set(listed.list.members.map(({ node }) => node));
      const missing = [...truth.registrations].find(([node, { sinceMs }]) => sinceMs < sentMs && !shown.has(node));
      check(!missing, () => `${actor.label} is told that all are listed, and ${missing?.[0]} is not`);
    },
    sent({ actor, verb }) {
      if (verb !== 'create' && verb !== 'join') return;
      const listed = truth.lists.get(actor);
      const ageMs = stage.nowMs - (listed?.sentMs ?? Number.NEGATIVE_INFINITY);
      // A reset of the daemon may come in between.
      const marginMs =
        propagationMs(court) + stage.timing.callTimeoutMs + 3 * stage.traits.stepMs + stage.traits.workMs;
      const { runningSinceMs } = actor;
      const halted = runningSinceMs === undefined || runningSinceMs > (listed?.sentMs ?? 0);
      check(halted || ageMs <= marginMs, () => `${actor.label}: ${verb} on a list that is ${ageMs} ms old`);
      check(listed?.list.complete === true, () => `${actor.label}: ${verb} on a list that is not complete`);
    },
  };
}

/** What was created is put on record on a list that is younger than what others may have told the store since. */
function watchCommitAge(court: Court): Watcher {
  const { check, truth, stage } = court;
  return {
    sent({ actor, verb, request }) {
      if (verb !== 'unlock') return;
      const { record } = request as { readonly record?: ClusterRecord };
      if (record?.version !== 1 || stage.identityOf(actor.name).kind !== 'provisional') return;
      const { sentMs = Number.NEGATIVE_INFINITY } = truth.lists.get(actor) ?? {};
      const ageMs = stage.nowMs - sentMs;
      const hasSlept = (truth.suspendedMs.get(actor) ?? Number.NEGATIVE_INFINITY) >= sentMs;
      const isYoung = ageMs <= propagationMs(court) * (1 + 2 * stage.traits.drift);
      check(hasSlept || isYoung, () => `${actor.label} commits ${record.clusterId} on a list that is ${ageMs} ms old`);
    },
  };
}

const F6: Oracle = {
  id: 'F6',
  holds: 'nobody creates, joins or commits without a complete list that is young and agrees with the lock',
  watch: (court) => together(watchLists(court), watchGrants(court), watchCommitAge(court)),
};

const F7: Oracle = {
  id: 'F7',
  holds: 'what a dead or slow creator writes late is refused: tokens on record never fall',
  watch({ check, truth }) {
    let highest = -1n;
    return {
      store(event) {
        if (event.kind === 'operator' && (event.action === 'wipe' || event.action === 'restore')) highest = -1n;
        if (event.kind !== 'record-committed' || event.record.kind !== 'present') return;
        const { token } = event.record.record;
        check(token > highest, () => `token ${token} after ${highest}`);
        highest = token;
        const grant = truth.grants.get(token);
        check(grant?.node !== undefined, () => `token ${token} was never granted`);
      },
    };
  },
};

const F18: Oracle = {
  id: 'F18',
  holds: 'a cluster that was put on record is not undone by the creator that does not know it',
  watch(court) {
    const { check, truth, stage } = court;
    return together(watchUndoing(court), {
      sent({ actor, verb }) {
        if (verb !== 'reset' && verb !== 'create') return;
        const own = stage.identityOf(actor.name);
        if (own.kind !== 'provisional') return check(true, () => '');
        const onRecord = truth.record?.clusterId === own.clusterId;
        // It was not there in the latest list, and somebody has put it back since.
        const isBack = truth.recordTamperedMs >= (truth.lists.get(actor)?.sentMs ?? stage.nowMs);
        check(!onRecord || isBack, () => `${actor.label}: ${verb} destroys ${own.clusterId}, which is on record`);
      },
    });
  },
};

export const CREATING_ORACLES: readonly Oracle[] = [F1, F1b, F2, F6, F7, F17, F18];
