import type { NodeId } from '../backend/index.js';
import {
  type CleanupEvent,
  type CleanupParts,
  type CleanupPlan,
  CleanupScheduler,
  type CleanupStatus,
  isTexts,
  type OperatorParts,
  pause,
  prune,
  readmit,
  type Removal,
  resume,
} from '../cleanup/index.js';
import { ClusterError, invalidType } from '../errors/index.js';
import type { Listing } from '../guard/index.js';
import type { EventHub } from './event.js';

/** Removing members that are gone. What the executor does by itself, and what an operator asks for. */
export interface NodeCleanup {
  /** Who cleans up, what came of the latest ticks, and how often each brake held. */
  readonly status: CleanupStatus;
  /**
   * Whom this node would remove now, whom not, and why. Writes nothing. Only the plan of the executor has evidence: see
   * `status.executor`.
   */
  plan(): Promise<CleanupPlan>;
  /**
   * Removes whom a plan that you have read calls `ripe`: brakes of the family `plan` count as overruled, all others hold.
   * The size of the cluster becomes what is left. Rejects `PLAN_OUTDATED` when record, members or listed names changed
   * since, `LOCK_NOT_ACQUIRED` when another node is the executor, `CLOSED` when this node is not formed, and `UNSUPPORTED` when
   * cleanup is off, or the store has no fenced locks or lists that may be late.
   */
  apply(plan: CleanupPlan): Promise<readonly Removal[]>;
  /** Stops cleanup in the whole cluster, durably. The reason is shown by every plan. Default: `operator`. */
  pause(reason?: string): Promise<void>;
  /** Ends a pause. */
  resume(): Promise<void>;
  /**
   * Takes the mark from a member that was marked for removal and never forgotten. Rejects `CLUSTER_MISMATCH`, as `prune` does,
   * when the own daemon is not in the cluster on record.
   */
  readmit(node: NodeId): Promise<void>;
  /**
   * Drops names of removed members that will not come back with their old data: all, or these. Answers which. A node whose
   * name was dropped and that boots first, alone, with its old data, counts as a member again.
   */
  prune(nodes?: readonly NodeId[]): Promise<readonly NodeId[]>;
}

export interface NodeCleanupParts extends Omit<CleanupParts, 'onEvent'> {
  readonly events: EventHub;
  /** How long operators wait for a busy formation lock, in ms. */
  readonly waitMs: number;
}

/** The wiring of cleanup into a node. */
export interface RunningCleanup extends NodeCleanup {
  start(): void;
  stop(): Promise<void>;
  /** Takes note of a list that this node made for something else. */
  saw(listing: Listing): void;
}

/** Tells of plans when they change, and of removals one by one. */
function createTeller(events: EventHub): (event: CleanupEvent) => void {
  let lastMark = '';
  return (event) => {
    switch (event.kind) {
      case 'executor':
        return events.emit('cleanup.executor', { active: event.active });
      case 'removal': {
        const { kind, ...data } = event.removal;
        return events.emit(kind === 'removed' ? 'cleanup.removed' : `cleanup.${kind}`, data);
      }
      case 'unfinished':
        return events.emit('cleanup.unfinished', { node: event.node, code: event.code, text: event.text });
      case 'tick': {
        const { candidates, heldBy, removes } = event.plan;
        const brakes = heldBy.map(({ brake }) => brake);
        const shown = candidates.map((each) => ({ node: each.node, heldBy: each.heldBy.map(({ brake }) => brake) }));
        const mark = JSON.stringify([brakes, shown]);
        if (mark === lastMark || (lastMark === '' && shown.length === 0 && brakes.length === 0)) return;
        lastMark = mark;
        return events.emit('cleanup.plan', { candidates: shown, heldBy: brakes, removes });
      }
    }
  };
}

/** A plan comes back from outside: what is compared must be there. */
function requirePlan(plan: unknown): CleanupPlan {
  const given = typeof plan === 'object' && plan !== null ? (plan as Partial<CleanupPlan>) : {};
  const isWhole = [given.members, given.listed, given.ripe].every(isTexts);
  if (!isWhole || !('recordVersion' in given || 'identity' in given)) {
    throw invalidType('plan', plan, 'a plan as cleanup.plan() answers it');
  }
  return plan as CleanupPlan;
}

export function createNodeCleanup({ events, waitMs, ...parts }: NodeCleanupParts): RunningCleanup {
  const scheduler = new CleanupScheduler({ ...parts, onEvent: createTeller(events) });
  const stopping = new AbortController();
  const operator: OperatorParts = { ...parts, waitMs, signal: stopping.signal };
  return {
    get status() {
      return scheduler.status;
    },
    start: () => scheduler.start(),
    saw: (listing) => scheduler.saw(listing),
    stop() {
      stopping.abort(new ClusterError('CLOSED', 'the node stops', { operation: 'cleanup' }));
      return scheduler.stop();
    },
    plan: () => scheduler.plan(),
    apply: async (plan) => scheduler.apply(requirePlan(plan)),
    pause: async (reason = 'operator') => pause(operator, reason),
    resume: () => resume(operator),
    readmit: (node) => readmit(operator, node),
    prune: (nodes) => prune(operator, nodes),
  };
}
