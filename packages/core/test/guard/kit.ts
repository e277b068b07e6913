import type { Backend, CallOptions, LockRequest, RegisterRequest } from '@autocluster/core/backend';
import { FULL_CAPABILITIES, simulateTime } from '@autocluster/testing';
import { guardBackend } from '../../src/guard/index.js';

/** A value of a type that it does not have: what foreign code may do. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller names the type
export function pretend<T>(value: unknown): T {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- being wrong is the point
  return value as T;
}

export interface Deferred {
  readonly promise: Promise<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export function deferred(): Deferred {
  let resolve: (value: unknown) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}

export interface Called {
  readonly verb: string;
  readonly argument: unknown;
  readonly options: CallOptions;
  readonly answer: Deferred;
}

/** A backend whose every answer the test gives by hand, in its own time. */
export function scripted(overrides: object = {}) {
  const calls: Called[] = [];
  const verb = (name: string) => (first: unknown, second?: CallOptions) => {
    const answer = deferred();
    const options = second ?? pretend<CallOptions>(first);
    calls.push({ verb: name, argument: second === undefined ? undefined : first, options, answer });
    return answer.promise;
  };
  const backend = pretend<Backend>({
    name: 'scripted',
    spi: 1,
    cluster: 'c',
    capabilities: { ...FULL_CAPABILITIES, watch: false },
    register: verb('register'),
    unregister: verb('unregister'),
    list: verb('list'),
    lock: verb('lock'),
    unlock: verb('unlock'),
    close: () => Promise.resolve(),
    ...overrides,
  });
  return { backend, calls, of: (name: string) => calls.filter((call) => call.verb === name) };
}

export function scene(overrides: object = {}, callTimeoutMs = 1000) {
  const time = simulateTime({ seed: 1 });
  const script = scripted(overrides);
  return { time, ...script, guard: guardBackend(script.backend, { runtime: time.runtime, callTimeoutMs }) };
}

/** How a promise ended, without waiting in the test for it. */
export function outcomeOf<T>(promise: Promise<T>) {
  const seen: { value?: T; error?: { code?: string; message: string } & Record<string, unknown>; done: boolean } = {
    done: false,
  };
  const ended = promise.then(
    (value) => Object.assign(seen, { value, done: true }),
    (error: unknown) => Object.assign(seen, { error, done: true }),
  );
  return Object.assign(seen, { ended });
}

export const registerRequest: RegisterRequest = {
  node: 'node-1',
  instance: 'i1',
  state: 'joining',
  identity: undefined,
  recordVersion: undefined,
  metadata: {},
  ttlMs: 30_000,
};

export const registration = {
  node: 'node-1',
  instance: 'i1',
  state: 'joining',
  identity: undefined,
  recordVersion: undefined,
  metadata: { zone: 'a' },
  order: 7n,
  ref: 'r1',
  ttlMs: 30_000,
} as const;

export const registered = { kind: 'registered', registration, record: { kind: 'absent' } } as const;

export const lockRequest: LockRequest = { name: 'job', node: 'node-1', instance: 'i1', attempt: 'a1', ttlMs: 30_000 };

export const grant = { name: 'job', attempt: 'a1', token: 5n, ttlMs: 30_000, ref: 'job@5', record: undefined } as const;
export const held = { kind: 'held', grant } as const;
export const busy = { kind: 'busy', holder: 'node-2' } as const;

export const emptyList = {
  members: [],
  record: { kind: 'absent' },
  complete: true,
  skipped: [],
  revision: 3n,
  store: 's1',
} as const;

export const record = {
  clusterId: 'id-1',
  generation: 1,
  createdBy: 'node-1',
  createdAt: '2026-01-01T00:00:00Z',
  token: 5n,
  version: 1,
  size: 1,
  idle: false,
  removed: [],
  settings: {},
  extra: {},
} as const;
