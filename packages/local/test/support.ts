import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Backend,
  type CallOptions,
  type ClusterRecord,
  FORMATION_LOCK,
  type LockGrant,
  type LockRequest,
  type RegisterRequest,
  type Registration,
} from '@autocluster/core/backend';
import { afterAll, afterEach } from 'vitest';
import { createBackend } from '../src/backend.js';
import { readOptions } from '../src/config.js';

const folders: string[] = [];
const backends: Backend[] = [];

afterEach(async () => {
  await Promise.all(backends.splice(0).map((backend) => backend.close()));
});
afterAll(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A folder that is removed with the tests of the file. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'autocluster-local-'));
  folders.push(folder);
  return folder;
}

export interface Opened {
  readonly cluster?: string;
  readonly maxBytes?: number;
  readonly boot?: string;
}

/** A backend that is closed with the test. */
export function openLocal(folder: string, { boot, cluster = 'orders', ...options }: Opened = {}): Backend {
  const config = readOptions({ cluster, folder, ...options });
  const backend = createBackend(boot === undefined ? { config } : { config, boot: () => boot });
  backends.push(backend);
  return backend;
}

/** A clock that stands still until it is moved. */
export function stillClock(startMs = 1_000_000) {
  let nowMs = startMs;
  return {
    monotonicMs: () => nowMs,
    wallMs: () => 0,
    pass(ms: number) {
      nowMs += ms;
    },
  };
}

export const machineClock = { monotonicMs: () => Number(process.hrtime.bigint()) / 1e6, wallMs: () => 0 };

export function call(clock: CallOptions['clock'] = machineClock, signal?: CallOptions['signal']): CallOptions {
  return { signal: signal ?? new AbortController().signal, timeoutMs: 5_000, clock };
}

export function member(node: string, more: Partial<RegisterRequest> = {}): RegisterRequest {
  return {
    node,
    instance: `${node}-1`,
    state: 'joining',
    identity: undefined,
    recordVersion: undefined,
    metadata: {},
    ttlMs: 30_000,
    ...more,
  };
}

export function attempt(node: string, more: Partial<LockRequest> = {}): LockRequest {
  return { name: FORMATION_LOCK, node, instance: `${node}-1`, attempt: randomUUID(), ttlMs: 30_000, ...more };
}

export function newRecord(token: bigint, more: Partial<ClusterRecord> = {}): ClusterRecord {
  return {
    clusterId: 'c-1',
    generation: 1,
    createdBy: 'a',
    createdAt: '2026-01-01T00:00:00Z',
    token,
    version: 1,
    size: 1,
    idle: false,
    removed: [],
    settings: {},
    extra: {},
    ...more,
  };
}

export async function registered(backend: Backend, request: RegisterRequest, options = call()): Promise<Registration> {
  const outcome = await backend.register(request, options);
  if (outcome.kind !== 'registered') throw new Error(`not registered: ${outcome.kind}`);
  return outcome.registration;
}

export async function held(backend: Backend, request: LockRequest, options = call()): Promise<LockGrant> {
  const outcome = await backend.lock(request, options);
  if (outcome.kind !== 'held') throw new Error(`not held: ${outcome.kind}`);
  return outcome.grant;
}

export async function busy(backend: Backend, request: LockRequest, options = call()) {
  const outcome = await backend.lock(request, options);
  if (outcome.kind !== 'busy') throw new Error(`not busy: ${outcome.kind}`);
  return outcome;
}

export async function names(backend: Backend, options = call()): Promise<string[]> {
  return (await backend.list(options)).members.map((each) => each.node);
}
