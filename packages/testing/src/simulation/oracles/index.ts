import { CLEANUP_CONDUCT_ORACLES } from './cleanup-conduct.js';
import { CLEANUP_EVIDENCE_ORACLES } from './cleanup-evidence.js';
import { CREATING_ORACLES } from './creating.js';
import { HEALTH_ORACLES } from './health.js';
import { JOINING_ORACLES } from './joining.js';
import { LIVING_ORACLES } from './living.js';
import { LOCK_LIFE_ORACLES } from './lock-life.js';
import { LOCK_ORACLES } from './locks.js';
import type { Oracle } from './oracle.js';
import { REGISTRATION_ORACLES } from './registrations.js';
import { STORE_VIEW_ORACLES } from './store-views.js';

/** In the order of their numbers. */
export const ORACLES: readonly Oracle[] = [
  ...LOCK_ORACLES,
  ...LOCK_LIFE_ORACLES,
  ...CREATING_ORACLES,
  ...JOINING_ORACLES,
  ...LIVING_ORACLES,
  ...REGISTRATION_ORACLES,
  ...STORE_VIEW_ORACLES,
  ...CLEANUP_EVIDENCE_ORACLES,
  ...CLEANUP_CONDUCT_ORACLES,
  ...HEALTH_ORACLES,
].sort((a, b) => a.id.localeCompare(b.id, 'en', { numeric: true }));

export type { Court, Oracle, Violation, Watcher } from './oracle.js';
