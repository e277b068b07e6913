import { type Backend, type CallOptions, ClusterError } from '../backend/index.js';
import type { Runtime } from '../runtime/index.js';
import type { Manifest } from './check-manifest.js';
import type { Asked } from './check-value.js';
import { type Exchange, exchange } from './exchange.js';
import { fromAbort } from './foreign-error.js';
import type { GuardCall } from './guarded-backend.js';

/** What all verbs of one guarded backend share. */
export interface Guard {
  readonly backend: Backend;
  readonly manifest: Manifest;
  readonly runtime: Runtime;
  readonly callTimeoutMs: number;
  /** The ways to end the exchanges that run. */
  readonly running: Set<(reason: unknown) => void>;
  closed: boolean;
}

export interface Ask<Answer> {
  readonly verb: string;
  readonly call?: GuardCall | undefined;
  /** Nobody waits for the answer: goes on while the guard closes. */
  readonly isUndo?: boolean;
  readonly start: (options: CallOptions) => Promise<unknown>;
  readonly check: (asked: Asked, answer: unknown) => Answer;
}

export const closedError = (operation: string): ClusterError =>
  new ClusterError('CLOSED', `${operation}: the backend was closed`, { operation });

/** One exchange. */
export function ask<Answer>(guard: Guard, { verb, call, isUndo, start, check }: Ask<Answer>): Exchange<Answer> {
  const { runtime, manifest, running } = guard;
  const timeoutMs = call?.timeoutMs ?? guard.callTimeoutMs;
  const asked = { who: manifest.name, operation: verb };
  const begun = exchange({
    runtime,
    operation: verb,
    timeoutMs,
    parent: call?.signal,
    fallback: 'STORE_FAILED',
    start: (signal) => start({ signal, timeoutMs, clock: runtime.clock }),
    check: (answer) => check(asked, answer),
  });
  if (isUndo === true) return begun;
  running.add(begun.abort);
  void begun.settled.then(() => running.delete(begun.abort));
  return begun;
}

/** Refuses calls that come after `close`, or whose signal is aborted already: nothing was sent for them. */
export function requireOpen(guard: Guard, verb: string, call: GuardCall | undefined): void {
  if (guard.closed) throw closedError(verb);
  if (call?.signal?.aborted === true) throw fromAbort(call.signal.reason, verb, false);
}
