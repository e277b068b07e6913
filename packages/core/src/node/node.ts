import type { NodeState } from '../formation/index.js';
import type { LockHandle, LockOptions } from '../lock/index.js';
import type { NodeId } from '../backend/index.js';
import type { HealthReport, Probe, ProbeKind } from '../health/index.js';
import type { NodeCleanup } from './cleanup.js';
import type { ClusterEvent, EventName } from './event.js';
import type { ClusterView } from './view.js';

/** One node of a cluster, from start to stop. */
export interface ClusterNode extends AsyncDisposable {
  /** The node's stable name. */
  readonly name: NodeId;
  /** The cluster name that its store is bound to. */
  readonly cluster: string;
  readonly state: NodeState;
  readonly view: ClusterView;
  /** Removing members that are gone. */
  readonly cleanup: NodeCleanup;
  /** Resolves with the last state once the node has failed or stopped. Never rejects. */
  readonly ended: Promise<NodeState>;
  /**
   * Resolves at `formed` or `standalone`; rejects with a `ClusterError` when formation failed. Aborting the signal stops the
   * node and rejects `ABORTED`.
   */
  start(options?: { readonly signal?: AbortSignal }): Promise<void>;
  /** Back soon: the entry goes, the daemon's cluster stays as it is. Bounded, idempotent, never rejects. */
  stop(): Promise<void>;
  /** Gone for good: leaves the daemon's cluster under the formation lock, then stops. */
  leave(): Promise<void>;
  /**
   * Whether all is well, seen from both sides: asks the store, the own daemon and one other member, takes no lock and never
   * rejects. `healthText` makes text of it.
   */
  health(options?: { readonly signal?: AbortSignal }): Promise<HealthReport>;
  /** What a platform asks: whether the process should go on, whether it was started, whether it serves. Never rejects. */
  probe(kind: ProbeKind): Promise<Probe>;
  /** How often each event happened. */
  readonly counters: Readonly<Partial<Record<EventName, number>>>;
  /** Replaces the metadata of the node's entry. */
  setMetadata(metadata: Readonly<Record<string, string>>): void;
  /** Every event from now on. Keeps `buffer` unread ones (default 1000), then drops the oldest and says so. */
  events(options?: { readonly signal?: AbortSignal; readonly buffer?: number }): AsyncIterable<ClusterEvent>;
  acquireLock(name: string, options?: LockOptions): Promise<LockHandle>;
  withLock<T>(name: string, options: LockOptions, run: (lock: LockHandle) => Promise<T>): Promise<T>;
}
