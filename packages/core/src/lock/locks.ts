import type { Backend } from '../backend/index.js';
import type { GuardedBackend } from '../guard/index.js';
import { type Runtime, systemRuntime } from '../runtime/index.js';
import { compete } from './acquire.js';
import { type ClosableLock, createLockHandle, type LockHandle } from './lock-handle.js';
import { type LockOptions, requireLockName, resolveLockOptions } from './lock-options.js';
import { enterRoom } from './room.js';

type AnyBackend = Backend | GuardedBackend;

async function acquire(
  runtime: Runtime,
  backend: AnyBackend,
  name: string,
  options: LockOptions = {},
): Promise<ClosableLock> {
  const contest = { name: requireLockName(name), options: resolveLockOptions(options), runtime };
  return createLockHandle(await compete({ ...contest, ...enterRoom(backend, runtime) }), runtime);
}

/** `acquireLock` for callers that bring their own clock, timers and randomness. */
export function acquireLockIn(
  runtime: Runtime,
  backend: AnyBackend,
  name: string,
  options?: LockOptions,
): Promise<LockHandle> {
  return acquire(runtime, backend, name, options);
}

/** `withLock` for callers that bring their own clock, timers and randomness. */
export async function withLockIn<T>(
  runtime: Runtime,
  backend: AnyBackend,
  name: string,
  options: LockOptions,
  run: (lock: LockHandle) => Promise<T>,
): Promise<T> {
  const lock = await acquire(runtime, backend, name, options);
  let value: T;
  try {
    value = await run(lock);
  } catch (error) {
    await lock.close().catch(() => undefined);
    throw error;
  }
  await lock.close();
  return value;
}

/**
 * Acquires a lock of the backend's cluster, waiting for it if others hold it. Rejects `LOCK_NOT_ACQUIRED` with the holder
 * in `details`. Contenders of one process queue among themselves first. Release it in a `finally`, or use
 * {@link withLock}.
 */
export function acquireLock(backend: AnyBackend, name: string, options?: LockOptions): Promise<LockHandle> {
  return acquire(systemRuntime, backend, name, options);
}

/**
 * Runs work under a lock, and releases it after the work has settled, however it does. When the lock is lost meanwhile,
 * `lock.signal` aborts, and this rejects `LOCK_LOST` after the work has settled; another error of the work wins.
 */
export function withLock<T>(
  backend: AnyBackend,
  name: string,
  options: LockOptions,
  run: (lock: LockHandle) => Promise<T>,
): Promise<T> {
  return withLockIn(systemRuntime, backend, name, options, run);
}
