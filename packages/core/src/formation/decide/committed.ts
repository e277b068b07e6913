import { compareNodes, sameIdentity } from '../../backend/index.js';
import { claimedIdentity, hasMe, identityOf, isMajority, namesMe, type Peer } from '../situation.js';
import { type Case, heldFor, type Outcome, type Row, wait } from './decision.js';
import { recordIsHigher, rivalListed } from './formed.js';
import { lackedByMajority, ownCluster, recordAgrees, recordFallsBehind } from './own-cluster.js';

const inRemoved = ({ config, s }: Case): boolean => s.record?.removed.includes(config.self) === true;
/**
 * Where entries are views, everybody's view has whoever is listed, which proves nothing against the record. Whoever joined anew
 * has kept one that has its name in it.
 */
const isForgotten = (c: Case): boolean =>
  c.config.views === 'registration' && inRemoved(c) && c.s.kept?.removed.includes(c.config.self) === false;
const readyPeers = ({ s }: Case): readonly Peer[] => s.peers.filter((peer) => peer.ready);
const targetsWithMe = (c: Case): readonly Peer[] => c.s.targets.filter((target) => hasMe(c.config, c.s, target));
const committed = (c: Case): boolean => ownCluster(c) !== undefined;

/** What a node does that its cluster has removed, or that a newer cluster has replaced. */
function evicted({ config }: Case, text: string): Outcome {
  return config.onEvicted === 'rejoin' ? { kind: 'rejoin' } : { kind: 'fail', cause: 'EVICTED', text };
}

/** The record of the own cluster is not in the store, or an older one is. */
function unrecorded(c: Case): boolean {
  const { record, own, list } = c.s;
  if (own.kind !== 'committed') return false;
  return (
    list.record.kind === 'absent' ||
    (record !== undefined && record.generation < own.generation) ||
    recordFallsBehind(c)
  );
}

/**
 * The member that kept the newest record puts it back; of several, the first by name. When that one does not, though it is
 * listed, it is the turn of the next.
 */
function mayRestore(c: Case): boolean {
  const { config, s } = c;
  const { own, kept, peers } = s;
  const mine = claimedIdentity(own);
  // Who joined again after it was removed, and is formed, was found among the members: it may put back what still says otherwise.
  if (!mine || (!c.formed && kept?.removed.includes(config.self))) return false;
  const version = kept && sameIdentity(identityOf(kept), mine) ? kept.version : 0;
  const rivals = peers.filter(({ identity }) => identity && identity.generation >= mine.generation);
  const newer = rivals.some(
    ({ identity, entry }) => (identity?.generation ?? 0) > mine.generation || (entry.recordVersion ?? 0) > version,
  );
  if (newer) return false;
  const before = rivals.filter(
    ({ entry }) => (entry.recordVersion ?? 0) === version && compareNodes(entry.node, config.self) < 0,
  );
  return heldFor(c, 'unrecorded') >= config.renewalMs * (1 + 2 * before.length);
}

function alreadyMember(c: Case): Outcome {
  const { record } = c.s;
  // The last word of the daemon counts, as it does for a formed node.
  if (heldFor(c, 'down') >= 0) return wait('own-daemon-unknown', 'the own daemon is up again');
  if (!record) return wait('record-missing', 'the record is back');
  if (record.idle) return { kind: 'write', change: 'clear-idle' };
  return { kind: 'member', record };
}

/** Rows of a daemon that is committed to a cluster. */
export const COMMITTED_ROWS: readonly Row<Case>[] = [
  {
    row: '7',
    when: (c) => committed(c) && recordIsHigher(c),
    outcome: (c) => evicted(c, `generation ${c.s.record?.generation} of the cluster has replaced this node's`),
  },
  {
    row: '8',
    when: (c) => committed(c) && unrecorded(c) && !rivalListed(c) && mayRestore(c),
    outcome: () => ({ kind: 'write', change: 'restore' }),
  },
  {
    row: '8',
    when: (c) => committed(c) && unrecorded(c) && !rivalListed(c),
    outcome: (c) => {
      if (c.formed) return { kind: 'stay', notice: 'record.missing' };
      const retryMs = Math.max(0, c.config.renewalMs - Math.max(0, heldFor(c, 'unrecorded')));
      return wait(
        'restore-pending',
        'the member with the newest record has put it back',
        retryMs > 0 ? { retryMs } : {},
      );
    },
  },
  {
    row: '9',
    when: (c) => committed(c) && !recordAgrees(c),
    outcome: ({ config, s: { own, record } }) => {
      if (config.data === 'none') return { kind: 'rejoin' };
      const mine = own.kind === 'committed' ? own.clusterId : '';
      const other = record ? `the record names ${record.clusterId}` : 'others of its generation belong to another one';
      return { kind: 'fail', cause: 'CLUSTER_MISMATCH', text: `this node belongs to cluster ${mine}; ${other}` };
    },
  },
  {
    row: '10',
    when: (c) => {
      if (!committed(c) || isForgotten(c)) return false;
      const having = targetsWithMe(c).length;
      if (having === 0 || lackedByMajority(c)) return false;
      return !inRemoved(c) || isMajority(having + 1, c.s.base);
    },
    outcome: (c) => (inRemoved(c) ? { kind: 'write', change: 'readmit-self' } : alreadyMember(c)),
  },
  {
    row: '11',
    when: (c) =>
      committed(c) &&
      c.s.targets.length > 0 &&
      (isForgotten(c) ||
        (!c.s.targets.some((target) => namesMe(c.config, target)) && (inRemoved(c) || lackedByMajority(c)))),
    outcome: (c) => evicted(c, 'its members do not count this node among them any more'),
  },
  {
    row: '11',
    // Most lack this node while some still name it, or too few can be asked: neither is a proof.
    when: (c) =>
      committed(c) &&
      (lackedByMajority(c) || (c.s.targets.length > 0 && !c.s.targets.some((target) => namesMe(c.config, target)))),
    outcome: () => wait('maybe-evicted', 'a majority of the members tells whether this node is one of them'),
  },
  {
    row: '12',
    when: (c) => committed(c) && c.s.targets.length > 0,
    outcome: () => wait('seeds-unusable', 'this node and a member name each other'),
  },
  {
    row: '12',
    when: (c) => committed(c) && readyPeers(c).length > 0 && heldFor(c, 'unusable') < c.config.latestTakeoverMs,
    outcome: (c) =>
      wait('seeds-unusable', 'a ready member can be reached, or its registration has expired', {
        retryMs: Math.min(c.config.refreshMs, c.config.latestTakeoverMs),
      }),
  },
  {
    row: '13',
    when: (c) => committed(c) && inRemoved(c),
    outcome: () => wait('maybe-evicted', 'a member of the cluster is there'),
  },
  { row: '14', when: committed, outcome: alreadyMember },
  {
    row: '15',
    when: ({ s: { own, record } }) =>
      own.kind === 'provisional' && record !== undefined && sameIdentity(identityOf(record), claimedIdentity(own)),
    outcome: ({ s: { record } }) => (record ? { kind: 'name', record } : { kind: 'stay' }),
  },
];
