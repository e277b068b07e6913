/** The only way in which the core talks to foreign code. */
export { askList, askOwnDaemon, askPeers, type Listing, type OwnDaemon } from './ask.js';
export { checkManifest } from './check-manifest.js';
export { fromAbort } from './foreign-error.js';
export { type GuardBackendOptions, guardBackend, isGuarded, sourceOf } from './guard-backend.js';
export { checkDriver, type GuardDriverOptions, guardDriver } from './guard-driver.js';
export {
  GUARDED,
  type GuardCall,
  type GuardedBackend,
  type LockAttempt,
  type UnlockCall,
} from './guarded-backend.js';
export type { DriverGuardCall, GuardedDriver } from './guarded-driver.js';
