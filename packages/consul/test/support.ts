import { randomUUID } from 'node:crypto';
import {
  type Backend,
  type CallOptions,
  type ClusterRecord,
  FORMATION_LOCK,
  isClusterError,
  type ClusterError,
  type LockGrant,
  type LockOutcome,
  type LockRequest,
  type RegisterOutcome,
  type RegisterRequest,
  type Registration,
} from '@autocluster/core/backend';
import { consul, type ConsulOptions } from '@autocluster/consul';
import { systemClock } from '@autocluster/core/runtime';
import { afterAll, beforeAll } from 'vitest';
import {
  type ConsulOptions as ServerOptions,
  type ConsulServer,
  startConsul,
} from '../../../test/servers/harness/index.js';
import { Questions } from './questions.js';

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

  backend(options: ConsulOptions): Backend {
    return this.keep(consul(options));
  }

  async end(): Promise<void> {
    for (const close of this.#closing.toReversed()) await close();
  }
}

/** One Consul for a file of tests, each of which works in a cluster name of its own. */
export class SharedServer extends Servers {
  #started: ConsulServer | undefined;
  readonly consul = new Questions(() => this.server);

  constructor(options: ServerOptions = {}) {
    super();
    beforeAll(async () => {
      this.#started = await startConsul(options);
    });
    afterAll(async () => {
      await this.end();
      await this.#started?.stop();
    });
  }

  get server(): ConsulServer {
    if (this.#started === undefined) throw new Error('the server is not started yet');
    return this.#started;
  }

  /** Two clients of one fresh cluster. */
  pair(changes: Partial<ConsulOptions> = {}): {
    readonly cluster: string;
    readonly one: Backend;
    readonly two: Backend;
  } {
    const all = { cluster: freshCluster(), hosts: this.server.httpAddress, ...changes };
    return { cluster: all.cluster, one: this.backend(all), two: this.backend(all) };
  }
}

export const sharedServer = (options?: ServerOptions): SharedServer => new SharedServer(options);
