import { type ClusterIdentity, FORMATION_LOCK } from '../backend/index.js';
import { ClusterError, isClusterError } from '../errors/index.js';
import { type FarewellParts, leaveForGood } from '../formation/index.js';
import type { GuardedDriver } from '../guard/index.js';
import { anySignal, pause, type Runtime } from '../runtime/index.js';
import { type LeaseTiming, patientLock } from '../session/index.js';

/** Runs steps in order, each however the one before it ended, and all of them within one time limit. */
export async function withinLimit(
  runtime: Runtime,
  limitMs: number,
  steps: readonly ((signal: AbortSignal) => Promise<unknown>)[],
): Promise<void> {
  const scope = anySignal([]);
  let expire = (): void => undefined;
  const expired = new Promise<void>((resolve) => (expire = resolve));
  const cancel = runtime.after(limitMs, () => {
    scope.abort(new ClusterError('TIMEOUT', `stopping took longer than ${limitMs} ms`, { operation: 'stop' }));
    expire();
  });
  const all = async () => {
    for (const step of steps) {
      if (!scope.signal.aborted) await step(scope.signal).catch(() => undefined);
    }
  };
  await Promise.race([all(), expired]);
  cancel();
}

/** Whether all of this has settled in time. Rejects never: what it waits for may fail. */
export async function settlesWithin(
  runtime: Runtime,
  limitMs: number,
  works: readonly Promise<unknown>[],
  signal: AbortSignal,
): Promise<boolean> {
  const scope = anySignal([signal]);
  const all = Promise.allSettled(works).then(() => true);
  const inTime = await Promise.race([all, pause(runtime, limitMs, scope.signal).then(() => false)]);
  scope.abort(undefined);
  scope.clear();
  return inTime;
}

export interface LeaveParts {
  readonly driver: GuardedDriver;
  readonly timing: LeaseTiming;
  readonly waitMs: number;
  /** The node stops: it does not leave any more. */
  readonly stopped: AbortSignal;
  readonly farewell: (signal: AbortSignal) => FarewellParts & { readonly identity: ClusterIdentity };
  /** Ends formation, so that it does not join again what the daemon has just left. */
  readonly halt: () => Promise<void>;
}

/** Takes the formation lock, and under it leaves for good. The node goes on as before when the lock is not to be had. */
export async function leaveCluster(options: LeaveParts): Promise<void> {
  const { driver, timing, waitMs, stopped, farewell, halt } = options;
  const parts = farewell(stopped);
  const { backend, runtime, self, instance, signal } = parts;
  const where = { name: FORMATION_LOCK, node: self, instance, operation: 'leave' };
  const lock = await patientLock({ ...where, backend, runtime, timing, waitMs, signal });
  try {
    stopped.throwIfAborted();
    lock.assertHeld();
    await halt();
    await leaveForGood(parts, driver, lock);
  } catch (error) {
    // What may still run must not be overtaken by others: the lock is left to lapse.
    if (isClusterError(error, 'WORK_STUCK')) lock.abandon();
    else await lock.release().catch(() => undefined);
    throw error;
  }
}
