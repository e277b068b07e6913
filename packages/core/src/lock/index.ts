/** Locks for everybody: mutual exclusion between processes, over any store. */
export type { LockHandle } from './lock-handle.js';
export type { LockOptions } from './lock-options.js';
export { acquireLock, acquireLockIn, withLock, withLockIn } from './locks.js';
