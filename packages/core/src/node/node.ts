import type { NodeState } from '../formation/index.js';
import type { LockHandle, LockOptions } from '../lock/index.js';
import type { NodeCleanup } from './cleanup.js';
import type { ClusterEvent } from './event.js';
import type { ClusterView } from './view.js';

/** One node of a cluster, from start to stop. */
export interface ClusterNode extends AsyncDisposable {
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
  /** Replaces the metadata of the node's entry. */
  setMetadata(metadata: Readonly<Record<string, string>>): void;
  /** Every event from now on. Keeps `buffer` unread ones (default 1000), then drops the oldest and says so. */
  events(options?: { readonly signal?: AbortSignal; readonly buffer?: number }): AsyncIterable<ClusterEvent>;
  acquireLock(name: string, options?: LockOptions): Promise<LockHandle>;
  withLock<T>(name: string, options: LockOptions, run: (lock: LockHandle) => Promise<T>): Promise<T>;
}
