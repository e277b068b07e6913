import { setTimeout as delay } from 'node:timers/promises';
import { type Backend, type ClusterRecord, FORMATION_LOCK, type Registration } from '@autocluster/core/backend';
import { callOptions, nowMs, openBackend, type Place } from './place.ts';

const TTL_MS = 120_000;

interface Serial {
  readonly name: string;
  readonly backend: Backend;
}

function entryOf(name: string, record: ClusterRecord | undefined) {
  const identity = record && { clusterId: record.clusterId, generation: record.generation };
  return { node: name, instance: name, identity, recordVersion: record?.version, metadata: {}, ttlMs: TTL_MS };
}

async function register(
  { name, backend }: Serial,
  record: ClusterRecord | undefined,
  held?: Registration,
): Promise<Registration> {
  const state = record === undefined ? ('joining' as const) : ('ready' as const);
  const request = { ...entryOf(name, record), state, ...(held && { held }) };
  const outcome = await backend.register(request, callOptions());
  if (outcome.kind !== 'registered') throw new Error(`${name} is held by another`);
  return outcome.registration;
}

function firstRecord(name: string, token: bigint): ClusterRecord {
  return {
    clusterId: 'serial',
    generation: 1,
    createdBy: name,
    createdAt: new Date().toISOString(),
    token,
    version: 1,
    size: 1,
    idle: false,
    removed: [],
    settings: {},
    extra: {},
  };
}

/** Lists, locks, looks again, creates or joins, says that it is ready, unlocks. */
async function enter(serial: Serial, mine: Registration, joinMs: number): Promise<void> {
  const { name, backend } = serial;
  await backend.list(callOptions());
  const request = { name: FORMATION_LOCK, node: name, instance: name, attempt: name, ttlMs: TTL_MS };
  const locked = await backend.lock(request, callOptions());
  if (locked.kind !== 'held') throw new Error('the lock was not free in its turn');
  const { record } = await backend.list(callOptions());
  if (joinMs > 0) await delay(joinMs);
  const known = record.kind === 'present' ? record.record : undefined;
  const next = known ?? firstRecord(name, locked.grant.token);
  await register(serial, next, mine);
  await backend.unlock(locked.grant, known ? callOptions() : { ...callOptions(), record: next });
}

/**
 * The serial way: everything under one lock, one node after another. As fast as it can be: all register at once, nobody
 * waits for the lock since each begins when the one before has let it go, and no member is asked for its view.
 */
export async function formSerially(
  place: Place,
  cluster: string,
  names: readonly string[],
  joinMs: number,
): Promise<number> {
  const nodes = names.map((name): Serial => ({ name, backend: openBackend(place, cluster) }));
  await Promise.all(nodes.map(({ backend }) => backend.list(callOptions())));
  const beganMs = nowMs();
  const registered = await Promise.all(nodes.map(async (node) => ({ node, mine: await register(node, undefined) })));
  for (const { node, mine } of registered) await enter(node, mine, joinMs);
  const tookMs = nowMs() - beganMs;
  await Promise.all(registered.map(({ node, mine }) => node.backend.unregister(mine, callOptions())));
  await Promise.all(nodes.map(({ backend }) => backend.close()));
  return tookMs;
}
