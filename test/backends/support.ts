import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type CallOptions,
  type ClusterError,
  type ClusterRecord,
  FORMATION_LOCK,
  isClusterError,
  type LockGrant,
  type LockOutcome,
  type LockRequest,
  type RegisterOutcome,
  type RegisterRequest,
  type Registration,
} from '@autocluster/core/backend';
import { systemClock } from '@autocluster/core/runtime';

/** Call options that a test may bend. */
export function call(options: Partial<CallOptions> = {}): CallOptions {
  return { signal: new AbortController().signal, timeoutMs: 5000, clock: systemClock, ...options };
}

export const freshCluster = (): string => `c-${randomUUID().slice(0, 8)}`;

export function registration(node: string, changes: Partial<RegisterRequest> = {}): RegisterRequest {
  const unnamed = { identity: undefined, recordVersion: undefined, metadata: {} };
  return { node, instance: `${node}-1`, state: 'joining', ...unnamed, ttlMs: 10_000, ...changes };
}

export function lockOf(node: string, changes: Partial<LockRequest> = {}): LockRequest {
  return { name: FORMATION_LOCK, node, instance: `${node}-1`, attempt: randomUUID(), ttlMs: 10_000, ...changes };
}

export function recordOf(grant: LockGrant, changes: Partial<ClusterRecord> = {}): ClusterRecord {
  const born = { clusterId: randomUUID(), generation: 1, createdBy: 'a', createdAt: '2026-11-01T00:00:00Z' };
  const state = { version: 1, size: 1, idle: false, removed: [], settings: {}, extra: {} };
  return { ...born, token: grant.token, ...state, ...changes };
}

export function registered(outcome: RegisterOutcome): Registration {
  if (outcome.kind !== 'registered') throw new Error(`expected registered, got ${outcome.kind}`);
  return outcome.registration;
}

export function held(outcome: LockOutcome): LockGrant {
  if (outcome.kind !== 'held') throw new Error(`expected held, got ${outcome.kind}`);
  return outcome.grant;
}

export function busy(outcome: LockOutcome): Extract<LockOutcome, { kind: 'busy' }> {
  if (outcome.kind !== 'busy') throw new Error(`expected busy, got ${outcome.kind}`);
  return outcome;
}

/** The error of a call that must fail with an error of ours. */
export async function failure(work: Promise<unknown>): Promise<ClusterError> {
  const error: unknown = await work.then(
    (value) =>
      new Error(
        `expected a failure, got ${JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? `${each}` : each))}`,
      ),
    (thrown: unknown) => thrown,
  );
  if (!isClusterError(error)) throw error;
  return error;
}

export class Servers {
  readonly #closing: (() => Promise<void>)[] = [];

  /** Something that ends after the tests of this file. */
  keep<T extends { close?: () => Promise<void>; stop?: () => Promise<void> }>(each: T): T {
    this.#closing.push(async () => {
      await each.close?.();
      await each.stop?.();
    });
    return each;
  }

  async end(): Promise<void> {
    for (const close of this.#closing.toReversed()) await close();
  }
}

const SPARE_MS = 1_000;

/**
 * The error of a call that ends by itself, as every one must within its time plus a second. Only the clock can tell that one does
 * not; timers of one process fire in the order in which they are due, however busy the machine is.
 */
export async function failureInTime(ask: (options: CallOptions) => Promise<unknown>, timeoutMs: number) {
  const tooLate = delay(timeoutMs + SPARE_MS).then(() => undefined);
  const error = await Promise.race([failure(ask(call({ timeoutMs }))), tooLate]);
  if (!error) throw new Error(`it had not settled after ${timeoutMs} ms plus one second`);
  return error;
}
