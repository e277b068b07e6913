import {
  type ClusterIdentity,
  type ClusterRecord,
  compareNodes,
  type MemberList,
  type NodeId,
  type Registration,
  sameIdentity,
} from '../backend/index.js';
import type { LocalIdentity, Membership, NodeHealth } from '../driver/index.js';
import type { FormationConfig } from './config.js';
import type { Observation } from './observation.js';

/** Another node's entry, with what that node says of itself. */
export interface Peer {
  readonly entry: Registration;
  readonly ready: boolean;
  readonly identity: ClusterIdentity | undefined;
  readonly status: NodeHealth['status'];
  readonly view: Membership | undefined;
}

/** What an observation means, worked out once for all rows of the table. */
export interface Situation {
  readonly own: LocalIdentity;
  /** All members in the own daemon's view, itself included. */
  readonly ownMembers: readonly NodeId[];
  readonly kept: ClusterRecord | undefined;
  readonly list: MemberList;
  /** The record, if there is a readable one. */
  readonly record: ClusterRecord | undefined;
  readonly peers: readonly Peer[];
  /** Peers that may be joined: ready, up, not removed, and their own view names the record. The best one comes first. */
  readonly targets: readonly Peer[];
  /** The base of every majority: durable, and never smaller than what the daemon knows. */
  readonly base: number;
}

export const committedIdentity = (local: LocalIdentity): ClusterIdentity | undefined =>
  local.kind === 'committed' ? { clusterId: local.clusterId, generation: local.generation } : undefined;

/** The identity under which a daemon counts for its own registration: a provisional one of the same cluster is equal. */
export const claimedIdentity = (local: LocalIdentity): ClusterIdentity | undefined =>
  local.kind === 'committed' || local.kind === 'provisional'
    ? { clusterId: local.clusterId, generation: local.generation }
    : undefined;

/**
 * Whether the daemon says that it does not belong to the cluster that this node is registered for. Whoever is ready was told that
 * its cluster is on record: a disk that does not know it any more is an older one.
 */
export function isDisowned({ own, announced }: Observation): boolean {
  if (own.kind !== 'known' || announced?.identity === undefined) return false;
  const { identity } = own.membership;
  const belongs = announced.state === 'ready' ? committedIdentity(identity) : claimedIdentity(identity);
  return !sameIdentity(announced.identity, belongs);
}

/** Whether a daemon still has exactly what it had. */
export function sameLocalIdentity(a: LocalIdentity, b: LocalIdentity): boolean {
  if (a.kind === 'unnamed') return b.kind === 'unnamed' && a.interruptedJoin === b.interruptedJoin;
  if (a.kind === 'blank') return b.kind === 'blank';
  return a.kind === b.kind && sameIdentity(claimedIdentity(a), claimedIdentity(b));
}

/** Where the identity of an entry is its view: all entries of one identity are its members. */
function viewFromEntries(identity: ClusterIdentity | undefined, entries: readonly Registration[]): Membership {
  if (!identity) return { identity: { kind: 'blank' }, members: [], running: [], partitions: [] };
  const members = entries.filter((each) => sameIdentity(each.identity, identity)).map((each) => each.node);
  return { identity: { kind: 'committed', ...identity }, members, running: members, partitions: [] };
}

function withSelf(members: readonly NodeId[], self: NodeId): readonly NodeId[] {
  return members.includes(self) ? members : [...members, self];
}

/** Where entries do not tell: a daemon that belongs to no cluster offers none, however well it is. */
function isReadyByView(answer: NodeHealth | undefined): boolean {
  const kind = answer?.view?.identity.kind ?? 'blank';
  return answer?.ready === true && kind !== 'blank' && kind !== 'provisional';
}

/** The others that are listed; nobody while there is no list. */
export function listedPeers(config: FormationConfig, { own, listing, peers: answers }: Observation): readonly Peer[] {
  if (listing.kind === 'failed') return [];
  const { list } = listing;
  const mine = own.kind === 'known' ? claimedIdentity(own.membership.identity) : undefined;
  return list.members
    .filter((entry) => entry.node !== config.self)
    .map((entry) => {
      const answer = answers.get(entry.node);
      let view = answer?.view;
      if (config.views === 'registration') {
        view = viewFromEntries(entry.identity, list.members);
        // Who shares the identity is a member, also while the own entry is being made again.
        if (mine && sameIdentity(mine, entry.identity))
          view = { ...view, members: withSelf(view.members, config.self) };
      }
      const viewIdentity = view && committedIdentity(view.identity);
      return {
        entry,
        ready: config.metadata ? entry.state === 'ready' : isReadyByView(answer),
        identity: config.metadata ? entry.identity : viewIdentity,
        status: answer?.status ?? 'unknown',
        view,
      };
    });
}

/** Listed by the platform, and not known otherwise: it may be a member of any cluster. */
export const isUnheard = ({ registration }: FormationConfig, { status, view }: Peer): boolean =>
  registration === 'platform' && status !== 'down' && (status === 'unknown' || view === undefined);

function compareTargets(config: FormationConfig): (a: Peer, b: Peer) => number {
  const byName = (a: Peer, b: Peer) => compareNodes(a.entry.node, b.entry.node);
  const byAge = (a: Peer, b: Peer) => {
    const [left, right] = [a.entry.order, b.entry.order];
    if (left === undefined || right === undefined || left === right) return byName(a, b);
    return left < right ? -1 : 1;
  };
  const bySize = (a: Peer, b: Peer) => (b.view?.members.length ?? 0) - (a.view?.members.length ?? 0) || byAge(a, b);
  return { 'first-by-name': byName, oldest: byAge, largest: bySize }[config.select];
}

/** Order in which ready peers are asked and preferred. */
export function bestFirst(config: FormationConfig, peers: readonly Peer[]): readonly Peer[] {
  return [...peers].sort(compareTargets(config));
}

export function namesRecord(peer: Peer, record: ClusterRecord): boolean {
  return peer.view !== undefined && sameIdentity(committedIdentity(peer.view.identity), identityOf(record));
}

export function identityOf(record: ClusterIdentity): ClusterIdentity {
  return { clusterId: record.clusterId, generation: record.generation };
}

/** Works out what the list, the daemon and the peers say together; undefined while daemon or list are unknown. */
export function situationOf(config: FormationConfig, observation: Observation): Situation | undefined {
  const { own, listing } = observation;
  if (own.kind === 'unknown' || listing.kind === 'failed') return undefined;
  const { membership } = own;
  const { list } = listing;
  const record = list.record.kind === 'present' ? list.record.record : undefined;
  const peers = listedPeers(config, observation);
  const isTarget = (peer: Peer) =>
    record !== undefined &&
    peer.ready &&
    peer.status === 'up' &&
    !record.removed.includes(peer.entry.node) &&
    namesRecord(peer, record);
  const seen =
    config.views === 'registration'
      ? viewFromEntries(claimedIdentity(membership.identity), list.members).members
      : membership.members;
  const ownMembers = withSelf(seen, config.self);
  return {
    own: membership.identity,
    ownMembers,
    kept: membership.kept,
    list,
    record,
    peers,
    targets: bestFirst(config, peers.filter(isTarget)),
    base: Math.max(record?.size ?? 0, ownMembers.length),
  };
}

/** A target has me when each of us names the other. */
export function hasMe(config: FormationConfig, situation: Situation, target: Peer): boolean {
  return namesMe(config, target) && situation.ownMembers.includes(target.entry.node);
}

export const namesMe = (config: FormationConfig, peer: Peer): boolean =>
  peer.view?.members.includes(config.self) === true;

export const isMajority = (count: number, base: number): boolean => count * 2 > base;

/** Identities of the highest generation that others are listed with. */
export function highestIdentities(peers: readonly Peer[]): readonly ClusterIdentity[] {
  const identities = peers.flatMap((peer) => (peer.identity ? [peer.identity] : []));
  const highest = Math.max(...identities.map((each) => each.generation));
  const distinct = new Map(
    identities.filter((each) => each.generation === highest).map((each) => [each.clusterId, each]),
  );
  return [...distinct.values()];
}
