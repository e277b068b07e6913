import { type ClusterIdentity, FORMATION_LOCK } from '../backend/index.js';
import { ClusterError, isClusterError } from '../errors/index.js';
import { type FarewellParts, leaveForGood } from '../formation/index.js';
import type { GuardedDriver } from '../guard/index.js';
import { anySignal, backoffMs, pause, type Runtime } from '../runtime/index.js';
import { type KeptLockOutcome, type LeaseTiming, type LockKeeper, requestLock } from '../session/index.js';

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

export interface LeaveParts {
  readonly runtime: Runtime;
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
  const { driver, stopped, farewell, halt } = options;
  const parts = farewell(stopped);
  const lock = await patientLock(options, parts);
  try {
    stopped.throwIfAborted();
    await halt();
    await leaveForGood(parts, driver, lock);
  } catch (error) {
    await lock.release().catch(() => undefined);
    throw error;
  }
}

async function tryToLock({ timing }: LeaveParts, parts: FarewellParts): Promise<KeptLockOutcome> {
  const { backend, runtime, self, instance, ttlMs, signal } = parts;
  const request = { name: FORMATION_LOCK, node: self, instance, attempt: runtime.uniqueId(), ttlMs };
  try {
    return await requestLock({ backend, runtime, timing, request, call: { signal } });
  } catch (error) {
    await backend.giveUpLock(request);
    throw error;
  }
}

async function patientLock(options: LeaveParts, parts: FarewellParts): Promise<LockKeeper> {
  const { runtime, waitMs } = options;
  const startedAtMs = runtime.clock.monotonicMs();
  let holder: string | undefined;
  let cause: unknown;
  for (let attempt = 0; runtime.clock.monotonicMs() - startedAtMs < waitMs; attempt += 1) {
    try {
      const outcome = await tryToLock(options, parts);
      if (outcome.kind === 'held') return outcome.keeper;
      holder = outcome.kind === 'busy' ? outcome.holder : undefined;
    } catch (error) {
      if (!isClusterError(error) || !error.retryable) throw error;
      cause = error;
    }
    await pause(runtime, backoffMs(attempt, { firstMs: 100, maxMs: 1_000 }, runtime.random()), parts.signal);
  }
  const by = holder === undefined ? '' : `; ${holder} holds it`;
  throw new ClusterError('LOCK_NOT_ACQUIRED', `the formation lock was not free within ${waitMs} ms${by}`, {
    operation: 'leave',
    cause,
    details: { holder },
  });
}
