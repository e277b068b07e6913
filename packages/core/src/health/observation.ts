import type { ClusterIdentity, InstanceId, NodeId } from '../backend/index.js';
import type { NodeHealth } from '../driver/index.js';
import type { Listing, OwnDaemon } from '../guard/index.js';

/** One look at everything that the health of a node depends on. */
export interface HealthObservation {
  readonly cluster: string;
  readonly self: NodeId;
  readonly views: 'peer' | 'registration';
  /** What the node is doing, e.g. `formed`, `waiting`, `failed`; `text` says more. */
  readonly state: { readonly kind: string; readonly text: string };
  /** The cluster in which the node is formed. */
  readonly standing: ClusterIdentity | undefined;
  /** Whether this run was formed before: then something has gone wrong when it is not any more. */
  readonly hasFormed: boolean;
  /** The own registration, while it is held for certain. */
  readonly registration: { readonly instance: InstanceId; readonly state: 'joining' | 'ready' } | undefined;
  readonly own: OwnDaemon;
  readonly ownHealth: NodeHealth;
  readonly listing: Listing;
  /** The first other member in the store, and what it says. */
  readonly peer: { readonly node: NodeId; readonly health: NodeHealth } | undefined;
}
