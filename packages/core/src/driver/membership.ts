import type { ClusterIdentity, ClusterRecord, NodeId } from '../backend/index.js';

/** What the daemon itself says about the cluster that its data belongs to. */
export type LocalIdentity =
  /** Nothing to lose: never used, or alone with first-boot defaults. */
  | { readonly kind: 'blank' }
  /** It has cluster data, but no identity of ours. `interruptedJoin`: a join began and was not confirmed. */
  | { readonly kind: 'unnamed'; readonly interruptedJoin: boolean }
  /** A create began, and the record was never seen committed: counts as nothing. */
  | ({ readonly kind: 'provisional' } & ClusterIdentity)
  | ({ readonly kind: 'committed' } & ClusterIdentity);

/** A daemon's own view of its cluster. */
export interface Membership {
  readonly identity: LocalIdentity;
  /** All members, dead ones included, itself included. */
  readonly members: readonly NodeId[];
  readonly running: readonly NodeId[];
  readonly partitions: readonly (readonly NodeId[])[];
  /** The record that was last given to `committed`, as it was kept with the data. */
  readonly kept?: ClusterRecord | undefined;
}

export interface NodeHealth {
  /** `down`: it said so, or refused the connection. A timeout or a failed authentication is `unknown`. */
  readonly status: 'up' | 'down' | 'unknown';
  readonly ready: boolean;
  /** One sentence for people. */
  readonly detail: string;
  /** The peer's own view, when it told one. Without it a node that a platform lists may be a member of any cluster. */
  readonly view: Membership | undefined;
}
