import { ClusterError, type InstanceId, isClusterError, type NodeId } from '../backend/index.js';
import type { GuardedBackend } from '../guard/index.js';
import { backoffMs, pause, type Runtime } from '../runtime/index.js';
import type { LeaseTiming } from './lease-timing.js';
import type { LockKeeper } from './lock-keeper.js';
import { type KeptLockOutcome, requestOnce } from './request-lock.js';

export interface LockTry {
  readonly backend: GuardedBackend;
  readonly runtime: Runtime;
  readonly timing: LeaseTiming;
  readonly name: string;
  readonly node: NodeId;
  readonly instance: InstanceId;
  readonly signal: AbortSignal;
  readonly onLost?: (error: ClusterError) => void;
}

export interface PatientLock extends LockTry {
  /** How long a busy lock is waited for, in ms. */
  readonly waitMs: number;
  /** What the lock is for: part of the error. */
  readonly operation: string;
}

const BETWEEN_TRIES = { firstMs: 100, maxMs: 1_000 };

/** One attempt. Whatever it throws, nothing of the attempt stays behind. */
export async function tryLock({ name, node, instance, signal, ...parts }: LockTry): Promise<KeptLockOutcome> {
  const { backend, runtime, timing } = parts;
  const request = { name, node, instance, attempt: runtime.uniqueId(), ttlMs: timing.ttlMs };
  try {
    return await requestOnce({ ...parts, request, call: { signal } });
  } catch (error) {
    await backend.giveUpLock(request);
    throw error;
  }
}

/** Tries until the lock is held; rejects `LOCK_NOT_ACQUIRED`, with the holder, when the wait is over. */
export async function patientLock({ waitMs, operation, ...attempt }: PatientLock): Promise<LockKeeper> {
  const { runtime, signal, name } = attempt;
  const startedAtMs = runtime.clock.monotonicMs();
  let holder: string | undefined;
  let cause: unknown;
  for (let tries = 0; runtime.clock.monotonicMs() - startedAtMs < waitMs; tries += 1) {
    signal.throwIfAborted();
    try {
      const outcome = await tryLock(attempt);
      if (outcome.kind === 'held') return outcome.keeper;
      holder = outcome.kind === 'busy' ? outcome.holder : undefined;
    } catch (error) {
      if (!isClusterError(error) || !error.retryable) throw error;
      cause = error;
    }
    await pause(runtime, backoffMs(tries, BETWEEN_TRIES, runtime.random()), signal);
  }
  const by = holder === undefined ? '' : `; ${holder} holds it`;
  throw new ClusterError('LOCK_NOT_ACQUIRED', `the ${name} lock was not free within ${waitMs} ms${by}`, {
    operation,
    cause,
    details: { holder },
  });
}
