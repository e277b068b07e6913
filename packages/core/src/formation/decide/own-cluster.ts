import { type ClusterIdentity, sameIdentity } from '../../backend/index.js';
import { committedIdentity, identityOf, isMajority, namesMe, namesRecord, type Peer } from '../situation.js';
import type { Case } from './decision.js';

/** The cluster that the daemon is committed to. */
export const ownCluster = ({ s }: Case): ClusterIdentity | undefined => committedIdentity(s.own);

export function recordAgrees(c: Case): boolean {
  const mine = ownCluster(c);
  return mine !== undefined && c.s.record !== undefined && sameIdentity(identityOf(c.s.record), mine);
}

/** The record is of the own cluster, and older than the one that this node kept: the store has gone back. */
export function recordFallsBehind(c: Case): boolean {
  const { record, kept } = c.s;
  if (!record || !kept || !recordAgrees(c)) return false;
  return sameIdentity(identityOf(kept), identityOf(record)) && record.version < kept.version;
}

/** Live views of the cluster that do not have this node. */
export function lacksMe({ config, s: { record, peers } }: Case): readonly Peer[] {
  if (!record) return [];
  return peers.filter((peer) => peer.status === 'up' && namesRecord(peer, record) && !namesMe(config, peer));
}

/** So many live views do not have this node that its cluster has gone on without it. */
export const lackedByMajority = (c: Case): boolean => isMajority(lacksMe(c).length, c.s.base);
