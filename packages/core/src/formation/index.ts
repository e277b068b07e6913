export type {
  FormationConfig,
  JoinMinority,
  OnEvicted,
  OnFailure,
  OnLocalData,
  Select,
  WhenNobodyAlive,
} from './config.js';
export { propagationMs, relistMs } from './config.js';
export { WAIT_REASONS, type WaitReason } from './decide/decision.js';
export type { ReportName } from './effect.js';
export { type FarewellParts, leaveForGood, sayGoodbye } from './farewell.js';
export type { Machine, Role } from './machine.js';
export { type NodeState, nodeState, waitText } from './node-state.js';
export type { Observation } from './observation.js';
export { createFormationRunner, type FormationRunner } from './runner.js';
export { watchChanges } from './watcher.js';
