import type { Backend } from '@autocluster/core/backend';
import { callOptions, nowMs, openBackend, type Place } from './place.ts';
import { openRaw } from './raw-etcd.ts';

async function timesOf(count: number, once: (turn: number) => Promise<unknown>): Promise<readonly number[]> {
  const times: number[] = [];
  for (let turn = 0; turn < count + 10; turn += 1) {
    const beganMs = nowMs();
    await once(turn);
    if (turn >= 10) times.push(nowMs() - beganMs);
  }
  return times;
}

function changeEntry(backend: Backend): (turn: number) => Promise<unknown> {
  const entry = { node: 'n', instance: 'i', identity: undefined, recordVersion: undefined, ttlMs: 60_000 };
  return (turn) =>
    backend.register({ ...entry, state: turn % 2 === 0 ? 'joining' : 'ready', metadata: {} }, callOptions());
}

/** The times of single writes, one after another: on etcd a bare transaction, on local one that changes an entry. */
export async function roundTrips({
  place,
  count,
}: {
  place: Place;
  count: number;
}): Promise<{ timesMs: readonly number[] }> {
  if (place.store === 'etcd') {
    const raw = openRaw(place.host);
    try {
      return { timesMs: await timesOf(count, (turn) => raw.put('bench/round-trip', String(turn))) };
    } finally {
      raw.close();
    }
  }
  const backend = openBackend(place, 'round-trips');
  try {
    return { timesMs: await timesOf(count, changeEntry(backend)) };
  } finally {
    await backend.close();
  }
}
