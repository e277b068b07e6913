/** What is kept alive by renewal. */
export {
  CLOCK_DRIFT,
  defaultCallTimeoutMs,
  grantedTiming,
  type LeaseTiming,
  type LeaseTimingOptions,
  leaseTiming,
  timingOfGrant,
} from './lease-timing.js';
export { type KeepLockOptions, keepLock, type LockKeeper } from './lock-keeper.js';
export { type LockTry, type PatientLock, patientLock, tryLock } from './patient-lock.js';
export {
  type Announcement,
  createRegistrationKeeper,
  type KeeperEvent,
  type RegistrationKeeper,
  type RegistrationKeeperOptions,
} from './registration-keeper.js';
export {
  grantedTooLate,
  type KeptLockOutcome,
  type RequestLockOptions,
  requestLock,
  requestOnce,
} from './request-lock.js';
