import {
  type ClusterDriver,
  type ClusterEvent,
  type ClusterNode,
  type ClusterNodeOptions,
  createClusterNode,
  describeTiming,
  processDriver,
  type Timing,
} from '@autocluster/core';
import { pause, type Runtime } from '@autocluster/core/runtime';
import type { Actor } from './actor.js';
import type { Traits } from './plan.js';
import { type CallRecorder, witnessBackend, witnessDriver } from './witness.js';

export type NodeTraits = Partial<Omit<ClusterNodeOptions, 'backend' | 'driver' | 'onEvent'>>;

/** As fast as it may go: a look ends before the next begins, and a daemon restarts in no time. */
function cleanupOf({ cleanup, ttlMs }: Traits): NodeTraits {
  return cleanup === 'off' ? {} : { cleanup: { mode: cleanup, intervalMs: Math.ceil(ttlMs / 2), restartMs: 0 } };
}

/** What the nodes of a history with these traits are told. */
export function optionsOf(traits: Traits): NodeTraits {
  const { ttlMs, settleMs, workMs, nodesExpectedMin, formationTimeoutMs, select } = traits;
  const { onEvicted, onLocalData, joinMinority, whenNobodyAlive } = traits;
  const timing = { ttlMs, settleMs, workMs, nodesExpectedMin, formationTimeoutMs };
  return { ...timing, ...cleanupOf(traits), select, onEvicted, onLocalData, joinMinority, whenNobodyAlive };
}

/** A process that is its own daemon, and takes a moment to create or join. */
export function processOf(node: string, runtime: Runtime, { concurrentJoins, stepMs }: Traits): ClusterDriver {
  const take = (_: unknown, { signal }: { readonly signal: AbortSignal }) => pause(runtime, stepMs, signal);
  return processDriver({ node, concurrentJoins, onCreate: take, onJoin: take });
}

export interface NodeParts {
  readonly driver: ClusterDriver;
  readonly recorder: CallRecorder;
  readonly options: NodeTraits;
  readonly onEvent: (actor: Actor, event: ClusterEvent) => void;
}

/** A node of the library, with all that it asks of others written down. */
export function makeNode(actor: Actor, { driver, recorder, options, onEvent }: NodeParts): ClusterNode {
  return createClusterNode(
    {
      backend: witnessBackend(actor.client, actor, recorder),
      driver: witnessDriver(driver, actor, recorder),
      ...options,
      onEvent: (event) => onEvent(actor, event),
    },
    actor.process,
  );
}

/**
 * The bounds that follow from what every node of a history is told. Throws what a node would refuse: once the history has
 * begun, nobody could tell that from a violation.
 */
export function timingOf(options: ClusterNodeOptions, runtime: Runtime): Timing {
  createClusterNode({ ...options, onEvent: () => undefined }, { ...runtime, uniqueId: () => 'never-started' });
  return describeTiming(options);
}
