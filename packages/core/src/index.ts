export { type ClusterNode, type ClusterNodeOptions, createClusterNode, type NodeCleanup } from './node/index.js';
export { type ProcessDriverOptions, processDriver } from './node/index.js';
export { acquireLock, type LockHandle, type LockOptions, withLock } from './lock/index.js';
export { describeTiming, type Timing, type TimingOptions } from './node/index.js';
export { type ClusterEvent, type ClusterView, EVENT_NAMES, type EventName, type Plain } from './node/index.js';
export { type NodeState, type Role, WAIT_REASONS, type WaitReason } from './formation/index.js';
export {
  BRAKE_NAMES,
  BRAKES,
  type BrakeName,
  brakesAsMarkdown,
  brakesAsText,
  type CleanupCandidate,
  type CleanupOptions,
  type CleanupPlan,
  type CleanupStatus,
  type CleanupTick,
  type Removal,
} from './cleanup/index.js';
export {
  HEALTH_CHECKS,
  type HealthCheck,
  type HealthCheckName,
  type HealthReport,
  healthText,
  type HealthStatus,
  type Probe,
  type ProbeKind,
} from './health/index.js';
export type {
  JoinMinority,
  OnEvicted,
  OnFailure,
  OnLocalData,
  Select,
  WhenNobodyAlive,
} from './formation/index.js';
export { ClusterError, ERROR_CODES, type ErrorCode, type InvalidOption, isClusterError } from './errors/index.js';
export type { Backend, ClusterIdentity, ClusterRecord, Member, NodeId } from './backend/index.js';
export type { ClusterDriver } from './driver/index.js';
export { type Logger, silentLogger } from './runtime/index.js';
