import type { ClusterIdentity, InstanceId, NodeId } from '../backend/index.js';
import type { NodeHealth } from '../driver/index.js';
import type { Listing, OwnDaemon } from '../guard/index.js';

export type { Listing, OwnDaemon };

/** What this instance has told the store about itself. */
export interface Announced {
  /** Where this process names its instance, and the platform does not. */
  readonly instance?: InstanceId | undefined;
  readonly state: 'joining' | 'ready';
  readonly identity: ClusterIdentity | undefined;
  readonly recordVersion?: number | undefined;
}

/** Until when an observation speaks for the store: what came after the list was asked for may not be in it. */
export const askedAtMsOf = ({ listing, nowMs }: Observation): number =>
  listing.kind === 'listed' ? listing.askedAtMs : nowMs;

/** One look at the daemon, the store and the peers: immutable, and it carries its time. */
export interface Observation {
  /** Monotonic time at which the last answer was in. */
  readonly nowMs: number;
  readonly own: OwnDaemon;
  readonly listing: Listing;
  /** What the peers said that were asked. */
  readonly peers: ReadonlyMap<NodeId, NodeHealth>;
  /** Whether every peer was asked, or only a sample. */
  readonly probed: 'all' | 'sample';
  readonly announced: Announced | undefined;
}
