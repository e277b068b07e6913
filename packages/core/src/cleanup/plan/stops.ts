import { CLEANUP_PAUSED } from '../../backend/cluster-record.js';
import { type ClusterRecord, compareNodes, sameIdentity } from '../../backend/index.js';
import { type HeldBy, heldBy } from '../brake.js';
import type { Look } from '../observation.js';
import type { CleanupPolicy } from '../policy.js';
import type { Facts } from './facts.js';

function listProblem({ listing }: Look): string | undefined {
  if (listing.kind === 'failed') return `the list failed: ${listing.text}`;
  const { complete, skipped, record } = listing.list;
  if (!complete) return 'the list says that entries may be missing';
  const [first] = [...skipped].sort((a, b) => (a.key < b.key ? -1 : 1));
  if (first) return `the entry ${first.key} cannot be understood: ${first.reason}`;
  if (record.kind === 'present') return undefined;
  return record.kind === 'absent' ? 'there is no record' : `the record cannot be understood: ${record.reason}`;
}

function notMember({ self }: Look, facts: Facts, record: ClusterRecord): string | undefined {
  const { membership, witnesses, strangers } = facts;
  if (!membership) return undefined;
  const { identity, members } = membership;
  if (identity.kind !== 'committed') return `the own daemon is ${identity.kind}`;
  if (!sameIdentity(identity, record)) return `the own daemon belongs to cluster ${identity.clusterId}`;
  if (!members.includes(self)) return 'the own daemon does not count this node among its members';
  if (record.removed.includes(self)) return 'the record says that this node was removed';
  if (strangers.length > witnesses.length) return `${strangers.length} members do not know this node`;
  return undefined;
}

function rival({ listed }: Facts, record: ClusterRecord): string | undefined {
  const rivals = [...listed.values()].filter(
    ({ identity }) => identity && identity.generation >= record.generation && identity.clusterId !== record.clusterId,
  );
  const [first] = rivals.map((each) => each.node).sort(compareNodes);
  return first === undefined ? undefined : `${rivals.length} entries are of another cluster: ${first}`;
}

function unknownHealth({ own }: Look, { unknown }: Facts, policy: CleanupPolicy): string | undefined {
  if (own.kind === 'unknown') return `the own daemon does not answer: ${own.text}`;
  if (own.status !== 'up') return `the own daemon is ${own.status}`;
  if (unknown.length <= policy.observersUnknownMax) return undefined;
  const shown = unknown.slice(0, 5).join(', ');
  return `${unknown.length} listed members cannot be asked: ${shown}${unknown.length > 5 ? ', …' : ''}`;
}

/** The brakes that stop the clocks: while one of them holds, an absence proves nothing. */
export function stopsOf(
  policy: CleanupPolicy,
  look: Look,
  facts: Facts,
  storeChangedAtMs: number | undefined,
): readonly HeldBy[] {
  const stops: HeldBy[] = [];
  const stop = (brake: HeldBy['brake'], detail: string | undefined) => {
    if (detail !== undefined) stops.push(heldBy(brake, detail));
  };
  if (!look.hasLock) stop('lock-not-held', 'another node may hold it');
  stop('formation-active', look.formationBusy);
  stop('list-incomplete', listProblem(look));
  stop('health-unknown', unknownHealth(look, facts, policy));
  if (look.listing.kind === 'listed') {
    const mine = facts.listed.get(look.self);
    if (facts.listed.size === 0) stop('list-empty', 'the list is empty');
    if (!mine) stop('self-unlisted', `${look.self} is not listed`);
    else if (mine.instance !== look.instance) stop('self-unlisted', `${look.self} is listed as another instance`);
  }
  if (facts.record) {
    stop('paused', facts.record.settings[CLEANUP_PAUSED]);
    stop('self-not-member', notMember(look, facts, facts.record));
    stop('split-seen', rival(facts, facts.record));
  }
  if (storeChangedAtMs !== undefined && look.nowMs - storeChangedAtMs < policy.graceMs) {
    stop('store-changed', `${Math.round(look.nowMs - storeChangedAtMs)} ms ago`);
  }
  return stops;
}
