/** Whether a node is well: one look, one report. */
export { HEALTH_CHECKS, type HealthCheck, type HealthCheckName, type HealthStatus } from './check.js';
export { healthText } from './format-report.js';
export type { HealthObservation } from './observation.js';
export { type HealthObserver, observeHealth } from './observe.js';
export { type Probe, type ProbeFacts, type ProbeKind, probe } from './readiness.js';
export { type HealthReport, report } from './report.js';
