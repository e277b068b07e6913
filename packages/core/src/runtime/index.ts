export { type BackoffLimits, backoffMs, jitteredMs } from './backoff.js';
export { anySignal, type ClearableSignal, deadline, onAbort, pause } from './deadline.js';
export { type Logger, silentLogger } from './logger.js';
export type { CancelTimer, Runtime } from './runtime.js';
export { type SuspensionWatch, wallLeadMs, watchSuspension } from './suspension.js';
export { systemClock, systemRuntime } from './system.js';
export { timestamp } from './timestamp.js';
export { processName } from './process-name.js';
export { orAborted, orLate } from './settle.js';
