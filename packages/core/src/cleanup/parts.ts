import { ClusterError, type ClusterIdentity, type ErrorCode, type NodeId } from '../backend/index.js';
import type { ExecutorParts } from './executor.js';
import type { CleanupCounters, CleanupTick } from './history.js';
import type { CleanupPlan } from './plan/index.js';
import type { Removal } from './removal.js';

export type CleanupEvent =
  /** This node became, or is no longer, the one that cleans up. */
  | { readonly kind: 'executor'; readonly active: boolean }
  | { readonly kind: 'tick'; readonly tick: CleanupTick; readonly plan: CleanupPlan }
  | { readonly kind: 'removal'; readonly removal: Removal }
  | { readonly kind: 'unfinished'; readonly node: NodeId; readonly code: ErrorCode; readonly text: string };

export interface CleanupParts extends ExecutorParts {
  /** The cluster in which the node is formed; undefined while it is not. */
  readonly standing: () => ClusterIdentity | undefined;
  readonly onEvent: (event: CleanupEvent) => void;
}

export interface CleanupStatus {
  readonly mode: 'off' | 'report' | 'remove';
  /** Who cleans up, as far as this node knows. */
  readonly executor: NodeId | undefined;
  /** Work of the daemon that neither ended nor stopped: this node cleans up no more. */
  readonly stuck: boolean;
  readonly counters: CleanupCounters;
  /** The latest ticks, oldest first. */
  readonly ticks: readonly CleanupTick[];
}

/** Whoever is in no cluster changes nothing in one, and takes no lock for it. */
export function requireFormed({ standing }: Pick<CleanupParts, 'standing'>, operation: string): void {
  if (!standing()) throw new ClusterError('CLOSED', 'only a formed node can do that', { operation });
}
