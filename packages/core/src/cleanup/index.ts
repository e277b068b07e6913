/** Removing members that are gone: look, plan, and only then act. */
export { BRAKE_NAMES, BRAKES, type Brake, type BrakeFamily, type BrakeName, type HeldBy } from './brake.js';
export type { Removal } from './executor.js';
export { brakesAsMarkdown, brakesAsText } from './format-brakes.js';
export type { CleanupCounters, CleanupTick } from './history.js';
export { isTexts, type OperatorParts, pause, prune, readmit, resume } from './operator.js';
export type { CleanupCandidate, CleanupPlan } from './plan/index.js';
export { type CleanupOptions, type CleanupPolicy, resolveCleanup } from './policy.js';
export { type CleanupEvent, type CleanupParts, CleanupScheduler, type CleanupStatus } from './scheduler.js';
