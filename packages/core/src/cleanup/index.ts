/** Removing members that are gone: look, plan, and only then act. */
export { BRAKE_NAMES, BRAKES, type Brake, type BrakeFamily, type BrakeName, type HeldBy } from './brake.js';
export { brakesAsMarkdown, brakesAsText } from './format-brakes.js';
export type { CleanupCounters, CleanupTick } from './history.js';
export { isTexts, type OperatorParts, pause, prune, readmit, resume } from './operator.js';
export type { CleanupEvent, CleanupParts, CleanupStatus } from './parts.js';
export type { CleanupCandidate, CleanupPlan } from './plan/index.js';
export { type CleanupOptions, type CleanupPolicy, resolveCleanup } from './policy.js';
export type { Removal } from './removal.js';
export { CleanupScheduler } from './scheduler.js';
