import { ClusterError } from '../errors/index.js';
import { deadline, orAborted } from '../runtime/index.js';
import type { AttemptKey, Attempts } from './attempts.js';
import type { Guard } from './guard-call.js';
import { fromAbort } from './foreign-error.js';
import type { GuardCall } from './guarded-backend.js';

/** What a backend may overrun its time limit by, says its contract. */
export const GRACE_MS = 1000;

/** Long enough for an exchange that was given up to settle, and for one or two more that remove what it made. */
export const undoLimitMs = (callTimeoutMs: number): number => 2 * callTimeoutMs + GRACE_MS;

/**
 * A new attempt begins when what earlier ones left at its place is gone: otherwise it would meet its own past. Answers the
 * call with what is left of its time; undefined when there is nothing to wait for, as nearly always.
 */
export function afterUndo<Thing>(
  guard: Guard,
  operation: string,
  attempts: Attempts<Thing>,
  key: AttemptKey,
  call: GuardCall | undefined,
): Promise<GuardCall> | undefined {
  const pending = attempts.pending(key);
  return pending && waitForUndo(guard, operation, pending, call);
}

function notSent(operation: string, timeoutMs: number): ClusterError {
  const text = `${operation} was not sent: an earlier attempt was not undone within ${timeoutMs} ms`;
  return new ClusterError('TIMEOUT', text, { operation, outcomeUnknown: false });
}

async function waitForUndo(
  guard: Guard,
  operation: string,
  pending: Promise<unknown>,
  call: GuardCall | undefined,
): Promise<GuardCall> {
  const { clock } = guard.runtime;
  const timeoutMs = call?.timeoutMs ?? guard.callTimeoutMs;
  const beganAt = clock.monotonicMs();
  const limit = deadline(guard.runtime, timeoutMs, operation, [call?.signal]);
  try {
    await orAborted(pending, limit.signal);
    if (call?.signal?.aborted === true) throw fromAbort(call.signal.reason, operation, false);
    if (limit.signal.aborted) throw notSent(operation, timeoutMs);
  } finally {
    limit.clear();
  }
  return { ...call, timeoutMs: Math.max(1, timeoutMs - (clock.monotonicMs() - beganAt)) };
}
