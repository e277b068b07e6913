import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { until } from '../servers/harness/index.ts';
import type { Fleet, Worker } from './processes/fleet.ts';
import { allSee, newCluster, oneCluster, withFleet } from './processes/kit.ts';
import { type Witness, witness } from './processes/witness.ts';
import { type StoreWith, type StruckStore, storeSuites, testTimeout } from './stores.ts';

interface Formed {
  readonly store: StruckStore;
  readonly ttlMs: number;
  readonly workers: readonly Worker[];
  readonly cluster: string;
  readonly id: string;
  readonly seen: Witness;
}

const NAMES = ['node-1', 'node-2', 'node-3'];
const instanceOf = (worker: Worker) => worker.last('registration.made')?.data['instance'];

async function isAsBefore({ workers, id, seen }: Formed): Promise<void> {
  await allSee(workers, NAMES.length);
  for (const worker of workers) {
    expect(worker.ended).toBe(false);
    expect((await worker.report()).state).toMatchObject({ kind: 'formed', identity: { clusterId: id } });
    expect(worker.all('split.seen')).toEqual([]);
  }
  await until('the record names the cluster', async () => (await seen.record())?.clusterId === id);
}

/** Three nodes formed on a store of their own; afterwards everything is as at the start, however the store was treated. */
async function underFormed(
  { startStruck, ttlMs }: StoreWith<'startStruck'>,
  strike: (formed: Formed, fleet: Fleet) => Promise<void>,
): Promise<void> {
  const store = await startStruck();
  const cluster = newCluster();
  const seen = await witness(store.spec, cluster);
  try {
    await withFleet(async (fleet) => {
      const workers = await fleet.nodes(NAMES, { cluster, store: store.spec, options: { ttlMs } });
      for (const worker of workers) worker.start();
      const formed = { store, ttlMs, workers, cluster, seen, id: await oneCluster(workers) };
      await allSee(workers, NAMES.length);
      await until('the record has the size', async () => (await seen.record())?.size === NAMES.length);
      const before = workers.map(instanceOf);
      await strike(formed, fleet);
      await isAsBefore(formed);
      expect(workers.map(instanceOf)).toEqual(before);
    });
  } finally {
    await seen.close();
    await store.stop();
  }
}

/** A store that comes back sooner was never away for those who did not ask it meanwhile. */
async function allAway({ workers, ttlMs }: Formed): Promise<void> {
  await Promise.all(workers.map((worker) => worker.waitFor('store.lost', 30_000 + ttlMs)));
}

/** Everybody has noticed, every lease would have ended, and nobody has given up. */
async function longAway(formed: Formed): Promise<void> {
  const { workers, ttlMs } = formed;
  const sinceMs = performance.now();
  await allAway(formed);
  await until('longer than the TTL', () => performance.now() - sinceMs > 2 * ttlMs, { withinMs: 3 * ttlMs });
  const reports = await Promise.all(workers.map((worker) => worker.report()));
  expect(reports.map(({ state }) => state.kind)).toEqual(NAMES.map(() => 'formed'));
}

async function allBack({ workers, ttlMs }: Formed): Promise<void> {
  await Promise.all(workers.map((worker) => worker.waitFor('store.back', 30_000 + 2 * ttlMs)));
}

async function wiped(formed: Formed): Promise<void> {
  const { store, workers, seen, id, ttlMs } = formed;
  await store.server.kill();
  await rm(store.dataDir, { recursive: true });
  await allAway(formed);
  await store.server.restart();
  await allBack(formed);
  await until('the record is back', () => seen.record(), { withinMs: 20_000 + 5 * ttlMs });
  expect(await seen.record()).toMatchObject({ clusterId: id });
  await until('the one that did it tells so', () => workers.some((worker) => worker.last('record.restored')));
}

async function setBack({ store, workers, seen, cluster, id, ttlMs }: Formed, fleet: Fleet): Promise<void> {
  const backup = join(fleet.folder, 'backup');
  await store.server.kill();
  await cp(store.dataDir, backup, { recursive: true });
  await store.server.restart();
  await allSee(workers, 3);
  const fourth = await fleet.node({ node: 'node-4', cluster, store: store.spec, options: { ttlMs } });
  fourth.start();
  await until('the record has grown', async () => (await seen.record())?.size === 4, { withinMs: 30_000 });
  const newest = await seen.record();
  await fourth.stop();
  await allSee(workers, 3);
  await store.server.kill();
  await rm(store.dataDir, { recursive: true });
  await cp(backup, store.dataDir, { recursive: true });
  await store.server.restart();
  const isNewer = async () => ((await seen.record())?.version ?? 0) > (newest?.version ?? 0);
  await until('a newer record than the backup', isNewer, { withinMs: 35_000 + 5 * ttlMs });
  expect(await seen.record()).toMatchObject({ clusterId: id, size: 4 });
}

storeSuites('S31: a formed cluster whose store', 'startStruck', (store) => {
  const timeout = testTimeout(store);
  const under = (strike: Parameters<typeof underFormed>[1]) => underFormed(store, strike);

  it.concurrent('is killed for longer than the TTL, stays that cluster', { timeout }, () =>
    under(async (formed) => {
      await formed.store.server.kill();
      await longAway(formed);
      await formed.store.server.restart();
      await allBack(formed);
    }),
  );

  it.concurrent('V4: sleeps for longer than the TTL, registers again and stays that cluster', { timeout }, () =>
    under(async (formed) => {
      formed.store.server.pause();
      await longAway(formed);
      formed.store.server.resume();
      await allBack(formed);
    }),
  );

  it.concurrent('is wiped, puts the record back', { timeout }, () => under(wiped));

  it.concurrent('is set back to a backup, puts the newer record back', { timeout }, () => under(setBack));
});

storeSuites('S10, S16, S22: a store that is away at the start', 'startStruck', (store) => {
  /** A node that is started alone while nobody answers, and waits for that visibly. */
  const alone = (onFailure: 'stop' | 'ignore', ends: (worker: Worker) => Promise<void>) => async () => {
    const away = await store.startStruck();
    try {
      await away.server.kill();
      await withFleet(async (fleet) => {
        const options = { ttlMs: store.ttlMs, onFailure, formationTimeoutMs: 5 * store.ttlMs };
        const worker = await fleet.node({ node: 'node-1', cluster: newCluster(), store: away.spec, options });
        worker.start();
        const isWaiting = () => worker.all('state.changed').find(({ data }) => data['kind'] === 'waiting');
        const waiting = await worker.until('waits', isWaiting);
        expect(waiting.data).toMatchObject({ reason: 'store-unreachable', cause: 'STORE_UNREACHABLE' });
        await ends(worker);
      });
    } finally {
      await away.stop();
    }
  };
  const timeout = testTimeout(store);

  it.concurrent('fails the start, is no cluster of one, and keeps no process', { timeout }, () =>
    alone('stop', async (worker) => {
      const failed = await worker.waitFor('failed', 10 * store.ttlMs);
      expect(failed.data).toMatchObject({ code: 'FORMATION_TIMEOUT' });
      expect((await worker.report()).state.kind).toBe('failed');
      await worker.leave();
    })(),
  );

  it.concurrent('leaves the process alone, visibly, where that was chosen', { timeout }, () =>
    alone('ignore', async (worker) => {
      const started = await worker.waitFor('started', 10 * store.ttlMs);
      expect(started.data).toMatchObject({ kind: 'standalone', cause: 'FORMATION_TIMEOUT' });
    })(),
  );
});

storeSuites('three servers of one store', 'startThree', (store) => {
  it('lose their leader while a cluster forms: formation goes on', { timeout: testTimeout(store) }, async () => {
    const three = await store.startThree();
    try {
      await withFleet(async (fleet) => {
        // Longer than an election takes.
        const common = { cluster: newCluster(), store: three.spec, options: { ttlMs: Math.max(10_000, store.ttlMs) } };
        const strike = { moment: 'after create, before the record', signal: 'SIGSTOP' } as const;
        const creator = await fleet.node({ ...common, node: 'node-1', strike });
        const others = await fleet.nodes(['node-2', 'node-3'], common);
        creator.start();
        await creator.waitFor('struck');
        for (const worker of others) worker.start();
        await three.killLeader();
        creator.signal('SIGCONT');
        await oneCluster([creator, ...others], 60_000);
        await allSee([creator, ...others], NAMES.length);
      });
    } finally {
      await three.stop();
    }
  });
});
