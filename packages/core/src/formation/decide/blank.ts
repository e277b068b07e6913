import { sameIdentity } from '../../backend/index.js';
import { inTurn } from '../refusals.js';
import { hasMe, highestIdentities, isMajority, isUnheard, namesMe, type Peer } from '../situation.js';
import { type Case, type Outcome, type Row, wait } from './decision.js';

const isUnnamed = ({ s }: Case): boolean => s.own.kind === 'unnamed';
const hasUnnamedData = ({ s }: Case): boolean => s.own.kind === 'unnamed' && !s.own.interruptedJoin;
const unnamedPeers = ({ s }: Case): readonly Peer[] =>
  s.peers.filter(
    (peer) => peer.status === 'up' && peer.view?.identity.kind === 'unnamed' && !peer.view.identity.interruptedJoin,
  );

/** How many clusters without a name there are, as far as their members overlap. */
function unnamedClusters(c: Case): number {
  const views = unnamedPeers(c).map((peer) => [peer.entry.node, ...(peer.view?.members ?? [])]);
  if (hasUnnamedData(c)) views.push([...c.s.ownMembers]);
  const clusters: Set<string>[] = [];
  for (const members of views) {
    const touching = clusters.filter((cluster) => members.some((node) => cluster.has(node)));
    const merged = new Set([...members, ...touching.flatMap((cluster) => [...cluster])]);
    const apart = clusters.filter((cluster) => !touching.includes(cluster));
    clusters.splice(0, clusters.length, ...apart, merged);
  }
  return clusters.length;
}

/**
 * Whether the data may be of the cluster on record, though no member of it is ready to say so: a member of ours has put it on
 * record, or one that shares our data is listed with its name.
 */
function mayBelong({ config, s }: Case): boolean {
  const { record, peers, ownMembers, targets } = s;
  if (targets.length > 0) return false;
  const byOurs = record !== undefined && record.createdBy !== config.self && ownMembers.includes(record.createdBy);
  const isOurs = (peer: Peer) =>
    peer.identity && (!record || sameIdentity(peer.identity, record)) && hasMe(config, s, peer);
  return byOurs || peers.some(isOurs);
}

/**
 * Targets that this node accepts, best first: under `joinMinority: 'wait'` only those that run with a majority of the members on
 * record. What is left here of a join that was interrupted may be of another cluster, and says nothing about this one.
 */
function acceptable({ config, memory, s }: Case): readonly Peer[] {
  const targets = inTurn(memory.refusals, s.targets);
  if (config.joinMinority === 'allow') return targets;
  return targets.filter(({ view }) => isMajority(view?.running.length ?? 0, s.record?.size ?? 1));
}

function join(c: Case, target: Peer): Outcome {
  const { config, s } = c;
  const { own, record } = s;
  // An own create of a higher generation may still be committed: only the lock proves that it is not.
  const unproved = own.kind === 'provisional' && record !== undefined && own.generation > record.generation;
  const wasRemoved = record?.removed.includes(config.self) === true;
  const locked = !config.concurrentJoins || wasRemoved || namesMe(config, target) || unproved || record === undefined;
  return { kind: 'join', target: target.entry, record, locked, reset: own.kind !== 'blank' };
}

/** Rows of a daemon that has nothing, or nothing that counts, up to whether it may create. */
export const BLANK_ROWS: readonly Row<Case>[] = [
  {
    row: '17',
    when: (c) => isUnnamed(c) && c.s.targets.some((target) => hasMe(c.config, c.s, target)),
    outcome: ({ s: { record } }) => (record ? { kind: 'name', record } : { kind: 'stay' }),
  },
  // Adopted by this node, which ended before it told its daemon.
  {
    row: '17',
    when: ({ config, s }) =>
      config.onLocalData === 'adopt' &&
      s.own.kind === 'unnamed' &&
      !s.own.interruptedJoin &&
      s.record?.createdBy === config.self &&
      !s.peers.some((peer) => peer.identity),
    outcome: ({ s: { record } }) => (record ? { kind: 'name', record } : { kind: 'stay' }),
  },
  {
    row: '18',
    when: (c) =>
      c.config.onLocalData === 'adopt' &&
      (c.s.own.kind === 'blank' || hasUnnamedData(c)) &&
      c.s.list.record.kind === 'absent' &&
      c.memory.seen === undefined &&
      !c.s.peers.some((peer) => peer.identity) &&
      unnamedClusters(c) === 1,
    outcome: (c) => {
      const [peer] = unnamedPeers(c);
      return hasUnnamedData(c) || !peer ? { kind: 'write', change: 'adopt' } : join(c, peer);
    },
  },
  {
    row: '19',
    when: (c) => hasUnnamedData(c) && c.config.onLocalData !== 'reset' && mayBelong(c),
    outcome: ({ s }) => {
      const who = s.record ? 'a member of the cluster on record' : 'a member of the cluster that shares its data';
      return wait('peers-not-ready', `${who} says whether this node is one`);
    },
  },
  {
    row: '19',
    when: (c) => hasUnnamedData(c) && c.config.onLocalData !== 'reset',
    outcome: () => ({
      kind: 'fail',
      cause: 'LOCAL_DATA',
      text: "the daemon has data of a cluster that the store does not know; see onLocalData ('reset' destroys it, 'adopt' keeps it)",
    }),
  },
  {
    row: '20',
    when: (c) => acceptable(c).length > 0,
    outcome: (c) => {
      const [target] = acceptable(c);
      return target ? join(c, target) : wait('peers-not-ready', 'a member is ready');
    },
  },
  {
    row: '21',
    when: ({ s }) => s.record !== undefined && s.peers.some((peer) => peer.ready),
    outcome: () => wait('seeds-unusable', 'a ready member can be reached and belongs to the cluster on record'),
  },
  {
    row: '22',
    when: ({ config, s }) =>
      s.record !== undefined && s.peers.some((peer) => peer.identity !== undefined || isUnheard(config, peer)),
    outcome: () => wait('peers-not-ready', 'a member of the cluster is ready, or no node that is listed may be one'),
  },
  {
    row: '24',
    when: ({ s }) => s.record === undefined && s.peers.some((peer) => peer.identity),
    outcome: ({ s }) =>
      highestIdentities(s.peers).length > 1
        ? wait('split-seen', 'only one cluster of this name is left')
        : wait('restore-pending', 'a member has put the record back'),
  },
  {
    row: '24',
    when: (c) => c.s.record === undefined && (c.s.peers.some((peer) => peer.ready) || unnamedPeers(c).length > 0),
    outcome: () => wait('record-missing', 'the ready members have a record, or are gone'),
  },
  {
    row: '24',
    when: ({ s, config }) => s.record === undefined && s.peers.some((peer) => isUnheard(config, peer)),
    outcome: () => wait('peers-not-ready', 'every node that the platform lists tells what it is, or is down'),
  },
];
