import type { InstanceId, NodeId } from '../backend/index.js';
import type { NodeHealth } from '../driver/index.js';
import type { Listing, OwnDaemon } from '../guard/index.js';

/** What one daemon said when it was asked whom it sees. */
export interface Answer {
  readonly status: NodeHealth['status'];
  /**
   * `me`: its view is of the executor's cluster, and has the executor in it. `cluster`: of that cluster, without the
   * executor. `other`: of another cluster, or of none. `nothing`: it told no view.
   */
  readonly knows: 'me' | 'cluster' | 'other' | 'nothing';
  /** Of the members that are missing: those that run in its view. */
  readonly running: readonly NodeId[];
}

/** One look at store and daemons: immutable, and it carries its time. */
export interface Look {
  /** Monotonic time at which the last answer was in. */
  readonly nowMs: number;
  readonly self: NodeId;
  /** The executor's own registration, while it is held for certain. */
  readonly instance: InstanceId | undefined;
  /** Whether this node holds the cleanup lock. */
  readonly hasLock: boolean;
  /** Who holds the formation lock, when it could not be had. */
  readonly formationBusy: string | undefined;
  /** `registration`: every process keeps its own account of who is gone, and another one may have forgotten whoever is marked. */
  readonly views: 'peer' | 'registration';
  readonly own: OwnDaemon;
  readonly listing: Listing;
  /** What was answered by listed members, and by those that are missing; only asked while somebody is. */
  readonly answers: ReadonlyMap<NodeId, Answer>;
}

/** A member that is not listed, and was not seen to run, without interruption. */
export interface Absence {
  /** Monotonic time at which the first list without it was in. */
  readonly sinceMs: number;
  /** How long it is proved to be away: until the latest list was asked for. */
  readonly forMs: number;
  /** How often it was seen to be away. */
  readonly observations: number;
  readonly countedAtMs: number;
}

/** What earlier looks prove, the latest included. */
export interface CleanupMemory {
  /** When the clocks last went on; undefined while they stand. */
  readonly seenAtMs: number | undefined;
  /** When a whole list was last seen, whether or not the clocks stood. */
  readonly listedAtMs: number | undefined;
  readonly store: string | undefined;
  readonly revision: bigint | undefined;
  /** When the store last became another one, or went back. */
  readonly storeChangedAtMs: number | undefined;
  readonly absences: ReadonlyMap<NodeId, Absence>;
  /** The instance with which each member was last listed; none where it may have come back since as another one. */
  readonly instances: ReadonlyMap<NodeId, InstanceId>;
  /** Whom the list showed that was asked for last. */
  readonly newest: { readonly askedAtMs: number; readonly instances: ReadonlyMap<NodeId, InstanceId> } | undefined;
  /** How often the removal of a member failed: those that never failed are removed before it. */
  readonly failures: ReadonlyMap<NodeId, number>;
}

/** All that a plan depends on, besides the policy. */
export interface CleanupObservation extends Look {
  readonly memory: CleanupMemory;
}
