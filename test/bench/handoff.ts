import { setTimeout as delay } from 'node:timers/promises';
import type { BenchOptions } from './options.ts';
import type { Place } from './place.ts';
import { progress } from './progress.ts';
import type { LockWay } from './protocol.ts';
import { type Summary, summaryOf } from './statistics.ts';
import { table } from './table.ts';
import { type Worker, withWorkers } from './worker-process.ts';

export interface HandoffResult {
  readonly store: Place['store'];
  readonly way: LockWay;
  readonly ms: Summary;
}

const WAYS: Record<Place['store'], readonly LockWay[]> = {
  etcd: ['withLock', 'etcd3-polling', 'raw-watch'],
  consul: ['withLock', 'consul lock'],
  local: ['withLock'],
};
/** What the ways of one store are compared with. */
const RAW: readonly LockWay[] = ['raw-watch', 'consul lock'];
const BLOCK = 25;

type Pair = readonly [Worker, Worker];

/** How long a contender takes until it waits: the command line is a process that has to start first. */
const BEGINS_MS: Record<LockWay, number> = {
  withLock: 60,
  'etcd3-polling': 60,
  'raw-watch': 60,
  'consul lock': 600,
};

/** How long the next one has been waiting when the holder lets go: at any phase of a poll of 50 ms. */
const waitsMs = (way: LockWay): number => BEGINS_MS[way] + Math.random() * 50;

/** From the moment at which the holder lets go to the one at which the other's work begins. */
async function handOff([holder, next]: Pair, way: LockWay): Promise<number> {
  const taken = next.ask('take-lock', undefined);
  await delay(waitsMs(way));
  const { atMs: givenAtMs } = await holder.ask('give-lock', undefined);
  return (await taken).atMs - givenAtMs;
}

async function block(pair: Pair, way: LockWay, count: number): Promise<readonly number[]> {
  let [holder, next] = pair;
  await holder.ask('take-lock', undefined);
  const times: number[] = [];
  for (let turn = 0; turn < count; turn += 1) {
    times.push(await handOff([holder, next], way));
    [holder, next] = [next, holder];
  }
  await holder.ask('give-lock', undefined);
  return times;
}

/** All ways take turns, so that whatever else the machine does meets them alike. */
export async function measureHandoff(place: Place, { handoffs }: BenchOptions): Promise<readonly HandoffResult[]> {
  const ways = WAYS[place.store];
  return withWorkers(2 * ways.length, async (workers) => {
    const contests = await Promise.all(
      ways.map(async (way, index) => {
        const [a, b] = workers.slice(2 * index);
        if (a === undefined || b === undefined) throw new RangeError('no pair of workers');
        await Promise.all([a, b].map((worker) => worker.ask('open-lock', { place, way })));
        await block([a, b], way, 6);
        return { way, pair: [a, b] as const, times: [] as number[] };
      }),
    );
    for (let done = 0; done < handoffs; done += BLOCK) {
      for (const { way, pair, times } of contests) {
        times.push(...(await block(pair, way, Math.min(BLOCK, handoffs - done))));
        progress(`${place.store} ${way}: ${times.length} hand-offs, p50 ${summaryOf(times).median} ms`);
      }
    }
    for (const { pair } of contests) await Promise.all(pair.map((worker) => worker.ask('close-lock', undefined)));
    return contests.map(({ way, times }) => ({ store: place.store, way, ms: summaryOf(times) }));
  });
}

export function handoffTable(results: readonly HandoffResult[]): string {
  return table(
    'Lock hand-off between two processes, in ms: from the release to the next holder’s first line',
    ['store', 'way', 'count', 'p50', 'p95', 'min', 'max', 'p50 / raw'],
    results.map(({ store, way, ms }) => {
      const raw = results.find((each) => each.store === store && RAW.includes(each.way));
      const against = raw ? (ms.median / raw.ms.median).toFixed(2) : '';
      return [store, way, ms.count, ms.median, ms.p95, ms.min, ms.max, against];
    }),
  );
}
