import type {
  CallOptions,
  ClusterRecord,
  LockGrant,
  LockOutcome,
  LockRequest,
  Registration,
  RegisterOutcome,
  RegisterRequest,
} from '@autocluster/core/backend';
import {
  type ClientOptions,
  type MemoryClient,
  type MemoryStoreOptions,
  memoryStore,
  simulateTime,
} from '@autocluster/testing';

/** A store in simulated time, and short ways to talk to it. */
export function world(options: Omit<MemoryStoreOptions, 'runtime'> & { startMs?: number } = {}) {
  const { startMs = 0, ...storeOptions } = options;
  const time = simulateTime({ seed: 1, startMs });
  const store = memoryStore({ runtime: time.runtime, ...storeOptions });
  const client = (more: Partial<ClientOptions> = {}) => store.client({ cluster: 'blue', ...more });
  const call = (signal: AbortSignal = new AbortController().signal, timeoutMs = 5000): CallOptions => ({
    signal,
    timeoutMs,
    clock: time.runtime.clock,
  });
  return { time, store, client, call, operator: store.cluster('blue') };
}

export const registerRequest = (node: string, more: Partial<RegisterRequest> = {}): RegisterRequest => ({
  node,
  instance: `${node}.1`,
  state: 'joining',
  identity: undefined,
  recordVersion: undefined,
  metadata: {},
  ttlMs: 30_000,
  ...more,
});

export const lockRequest = (node: string, attempt: string, more: Partial<LockRequest> = {}): LockRequest => ({
  name: 'formation',
  node,
  instance: `${node}.1`,
  attempt,
  ttlMs: 30_000,
  ...more,
});

export function registered(outcome: RegisterOutcome): Registration {
  if (outcome.kind !== 'registered') throw new TypeError(`expected a registration, got ${outcome.kind}`);
  return outcome.registration;
}

export function watchOf({ watch }: MemoryClient, options: CallOptions): AsyncIterable<'changed'> {
  if (!watch) throw new TypeError('expected a store with a watch');
  return watch(options);
}

export function held(outcome: LockOutcome): LockGrant {
  if (outcome.kind !== 'held') throw new TypeError(`expected a grant, got ${outcome.kind}`);
  return outcome.grant;
}

export const clusterRecord = (token: bigint, more: Partial<ClusterRecord> = {}): ClusterRecord => ({
  clusterId: 'id-1',
  generation: 1,
  createdBy: 'node-1',
  createdAt: '2026-01-01T00:00:00.000Z',
  token,
  version: 1,
  size: 1,
  idle: false,
  removed: [],
  settings: {},
  extra: {},
  ...more,
});

/** What a promise has come to, without waiting for it. */
export function outcomeOf<T>(promise: Promise<T>): () => { value: T } | { error: unknown } | undefined {
  let outcome: { value: T } | { error: unknown } | undefined;
  promise.then(
    (value) => void (outcome = { value }),
    (error: unknown) => void (outcome = { error }),
  );
  return () => outcome;
}
