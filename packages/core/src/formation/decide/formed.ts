import { compareNodes, sameIdentity } from '../../backend/index.js';
import { claimedIdentity, highestIdentities, identityOf, namesMe, namesRecord } from '../situation.js';
import { type Case, heldFor, type Row } from './decision.js';
import { lackedByMajority, ownCluster, recordAgrees, recordFallsBehind } from './own-cluster.js';

const inRemoved = ({ config, s }: Case): boolean => s.record?.removed.includes(config.self) === true;

/** The record names another cluster that this node must not yield to. */
function foreignRecord({ memory, s: { record, own } }: Case): boolean {
  const mine = claimedIdentity(own);
  if (!record || !mine || sameIdentity(identityOf(record), mine)) return false;
  return record.generation === mine.generation || (record.generation > mine.generation && !memory.storeChangeSettled);
}

/** Members of another cluster of the same generation are listed while no record decides between us. */
export function rivalListed({ s: { own, peers } }: Case): boolean {
  const mine = claimedIdentity(own);
  return highestIdentities(peers).some(
    (each) => mine !== undefined && each.generation === mine.generation && each.clusterId !== mine.clusterId,
  );
}

/** Joins that need the lock one after the other go first, for a while: after each of them the size would be raised again. */
const othersJoin = ({ config, s }: Case): boolean => !config.concurrentJoins && s.peers.some((peer) => !peer.ready);

/** One member puts the record right; the others only when it has not. */
function myTurn(c: Case, clock: 'undersized' | 'idle'): boolean {
  if (heldFor(c, clock) > 2 * c.config.refreshMs) return true;
  const { record, peers } = c.s;
  if (!record) return false;
  const members = peers.filter((peer) => peer.ready && sameIdentity(peer.identity, identityOf(record)));
  return members.every((peer) => compareNodes(c.config.self, peer.entry.node) < 0);
}

function mayResize(c: Case): boolean {
  const undersizedMs = heldFor(c, 'undersized');
  if (undersizedMs < 0 || (othersJoin(c) && undersizedMs < c.config.refreshMs)) return false;
  return myTurn(c, 'undersized');
}

/** Rows of a node that is formed, until the cluster itself says otherwise. */
export const FORMED_ROWS: readonly Row<Case>[] = [
  // What was confirmed once is not any more: the disk went back to before that. It is confirmed again before it is offered again.
  { row: '3', when: (c) => c.formed && c.s.own.kind === 'provisional', outcome: () => ({ kind: 'demote' }) },
  { row: '4', when: (c) => c.formed && recordAgrees(c) && inRemoved(c), outcome: () => ({ kind: 'demote' }) },
  {
    row: '4a',
    when: (c) => c.formed && recordAgrees(c) && lackedByMajority(c),
    outcome: () => ({ kind: 'demote' }),
  },
  {
    row: '4a',
    when: (c) =>
      c.formed &&
      c.observation.probed === 'sample' &&
      recordAgrees(c) &&
      c.s.peers.some((peer) => c.s.record && namesRecord(peer, c.s.record) && !namesMe(c.config, peer)),
    outcome: () => ({ kind: 'look-closer' }),
  },
  // A daemon that is down is not offered to anybody, and stays listed.
  {
    row: '4b',
    when: (c) => c.formed && heldFor(c, 'down') >= c.config.ttlMs,
    outcome: () => ({ kind: 'demote' }),
  },
  {
    row: '5',
    when: (c) =>
      c.formed && recordAgrees(c) && !recordFallsBehind(c) && (c.s.kept?.version ?? 0) < (c.s.record?.version ?? 0),
    outcome: ({ s: { record } }) => (record ? { kind: 'keep', record } : { kind: 'stay' }),
  },
  // Written while no member was listed, though one was there: whoever believed it would replace the cluster without a silence.
  {
    row: '5',
    when: (c) => c.formed && recordAgrees(c) && !recordFallsBehind(c) && heldFor(c, 'idle') >= 0 && myTurn(c, 'idle'),
    outcome: () => ({ kind: 'write', change: 'clear-idle' }),
  },
  {
    row: '5',
    when: (c) => c.formed && recordAgrees(c) && !recordFallsBehind(c) && mayResize(c),
    outcome: () => ({ kind: 'write', change: 'resize' }),
  },
  {
    row: '5',
    when: (c) => c.formed && recordAgrees(c) && !recordFallsBehind(c),
    outcome: (c) => (rivalListed(c) ? { kind: 'stay', notice: 'split.seen' } : { kind: 'stay' }),
  },
  { row: '6', when: (c) => c.formed && foreignRecord(c), outcome: () => ({ kind: 'stay', notice: 'split.seen' }) },
  {
    row: '6',
    when: (c) => c.formed && ownCluster(c) !== undefined && !recordAgrees(c) && !recordIsHigher(c) && rivalListed(c),
    outcome: () => ({ kind: 'stay', notice: 'split.seen' }),
  },
];

export function recordIsHigher({ s: { record, own } }: Case): boolean {
  return record !== undefined && own.kind === 'committed' && record.generation > own.generation;
}
