import type { Capabilities, LockRequest } from '@autocluster/core/backend';
import { type Latency, memoryStore, type SimulatedProcess, simulateTime } from '@autocluster/testing';
import { expect } from 'vitest';
import { pretend } from '../guard/kit.js';
import { guardBackend } from '../../src/guard/index.js';
import {
  type Announcement,
  createRegistrationKeeper,
  type KeeperEvent,
  type KeptLockOutcome,
  leaseTiming,
  type LockKeeper,
  requestLock,
} from '../../src/session/index.js';

export interface SceneOptions {
  readonly capabilities?: Partial<Capabilities>;
  readonly latency?: Latency;
  readonly ttlMs?: number;
}

/** A store, and as many processes around it as a test asks for. */
export function scene({ capabilities = {}, latency = {}, ttlMs = 30_000 }: SceneOptions = {}) {
  const time = simulateTime({ seed: 1 });
  const store = memoryStore({ runtime: time.runtime, seed: 1, capabilities });
  const timing = leaseTiming({ capabilities: store.capabilities, ttlMs });

  function process(id: string, options: { driftRate?: number } = {}) {
    const runtime: SimulatedProcess = time.process(options);
    const client = store.client({ cluster: 'c', id, runtime, latency });
    const backend = guardBackend(client, { runtime, callTimeoutMs: timing.callTimeoutMs });
    const request = (attempt: string, name = 'job'): LockRequest => ({
      name,
      node: id,
      instance: `${id}-1`,
      attempt,
      ttlMs,
    });
    const lock = (attempt: string, name?: string) =>
      requestLock({ backend, runtime, timing, request: request(attempt, name) });
    const keeper = (instance = `${id}-1`) => {
      const events: KeeperEvent[] = [];
      const onEvent = (event: KeeperEvent) => events.push(event);
      const kept = createRegistrationKeeper({ backend, runtime, timing, node: id, instance, onEvent });
      return { kept, events, kinds: () => events.map((event) => event.kind) };
    };
    return { runtime, client, backend, request, lock, keeper, faults: store.faults(id) };
  }
  /** How often a verb was asked for since the counting began. */
  function count(verb: 'lock' | 'register', client: { lock: unknown; register: unknown }): () => number {
    let calls = 0;
    const original = pretend<(...given: unknown[]) => unknown>(Reflect.get(client, verb));
    Object.assign(client, {
      [verb]: (...given: unknown[]) => {
        calls += 1;
        return original.apply(client, given);
      },
    });
    return () => calls;
  }
  return { time, store, timing, process, count, space: store.cluster('c') };
}

export const joining: Announcement = { state: 'joining', identity: undefined, recordVersion: undefined, metadata: {} };
export const ready: Announcement = { ...joining, state: 'ready' };

export function keeperOf(outcome: KeptLockOutcome): LockKeeper {
  if (outcome.kind !== 'held') throw new TypeError(`it is ${outcome.kind}`);
  return outcome.keeper;
}

/** A process that holds a lock. */
export async function holding(options: Parameters<typeof scene>[0] = {}) {
  const world = scene(options);
  const a = world.process('a');
  const locking = a.lock('a1');
  await world.time.advance(100);
  return { ...world, a, lock: keeperOf(await locking) };
}

export const code = (error: string) => expect.objectContaining({ code: error });
