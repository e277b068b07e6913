export { createClusterNode } from './cluster-node.js';
export type { NodeCleanup } from './cleanup.js';
export type { ClusterNode } from './node.js';
export { describeTiming, type Timing, type TimingOptions } from './describe-timing.js';
export { type ClusterEvent, EVENT_NAMES, type EventName } from './event.js';
export type { ClusterNodeOptions } from './options.js';
export type { Plain } from './plain.js';
export { type ProcessDriverOptions, processDriver } from './process-driver.js';
export type { ClusterView } from './view.js';
