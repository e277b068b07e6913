import { cp, rm } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { type EtcdServer, freePorts, startEtcd, startEtcdCluster, until } from '../servers/harness/index.ts';
import { serverSuite } from '../servers/harness/suite.ts';
import { allSee, newCluster, oneCluster, trapIn, withFleet } from './crash-kit.ts';
import type { Fleet, Worker } from './fleet.ts';

const TTL_MS = 2_000;
const OPTIONS = { ttlMs: TTL_MS };

interface Formed {
  readonly etcd: EtcdServer;
  readonly workers: readonly Worker[];
  readonly cluster: string;
  readonly id: string;
}

interface StoredRecord {
  readonly clusterId: string;
  readonly version: number;
  readonly size: number;
}

async function recordIn(etcd: EtcdServer, cluster: string): Promise<StoredRecord | undefined> {
  const { stdout } = await etcd.etcdctl(['get', `/autocluster/${cluster}/record`, '--print-value-only']);
  return stdout.trim() === '' ? undefined : (JSON.parse(stdout) as StoredRecord);
}

/** Three nodes formed on an etcd of their own; afterwards everything is as at the start, however the store was treated. */
async function underFormed(run: (formed: Formed, fleet: Fleet) => Promise<void>): Promise<void> {
  const etcd = await startEtcd();
  try {
    await withFleet(async (fleet) => {
      const cluster = newCluster();
      const workers = await fleet.launch(3);
      await fleet.prepare(workers, { cluster, store: { hosts: [etcd.endpoint] }, options: OPTIONS });
      fleet.start(workers);
      const id = await oneCluster(workers);
      await allSee(workers, 3);
      await until('the record has the size', async () => (await recordIn(etcd, cluster))?.size === 3);
      const before = workers.map(instanceOf);
      await run({ etcd, workers, cluster, id }, fleet);
      await allSee(workers, 3);
      for (const worker of workers) {
        expect(worker.ended).toBe(false);
        expect((await worker.report()).state).toMatchObject({ kind: 'formed', identity: { clusterId: id } });
        expect(worker.all('split.seen')).toEqual([]);
      }
      expect(workers.map(instanceOf)).toEqual(before);
      await until('the record names the cluster', async () => (await recordIn(etcd, cluster))?.clusterId === id);
      await Promise.all(workers.map((worker) => worker.stop()));
    });
  } finally {
    await etcd.stop();
  }
}

const instanceOf = (worker: Worker) => worker.last('registration.made')?.data['instance'];

/** Everybody has noticed, and every lease would have ended. */
async function longAway(workers: readonly Worker[]): Promise<void> {
  const sinceMs = performance.now();
  await Promise.all(workers.map((worker) => worker.waitFor('store.lost')));
  await until('longer than the TTL', () => performance.now() - sinceMs > 2 * TTL_MS);
}

async function allBack(workers: readonly Worker[]): Promise<void> {
  await Promise.all(workers.map((worker) => worker.waitFor('store.back', 60_000)));
}

serverSuite(['etcd', 'etcdctl'], 'S31: a formed cluster whose etcd', () => {
  it.concurrent('is killed for longer than the TTL, stays that cluster', () =>
    underFormed(async ({ etcd, workers }) => {
      await etcd.kill();
      await longAway(workers);
      await etcd.restart();
      await allBack(workers);
    }));

  it.concurrent('sleeps for longer than the TTL, registers again and stays that cluster', () =>
    underFormed(async ({ etcd, workers }) => {
      etcd.pause();
      await longAway(workers);
      etcd.resume();
      await allBack(workers);
    }));

  it.concurrent('is wiped, puts the record back', () =>
    underFormed(async ({ etcd, workers, cluster, id }) => {
      await etcd.kill();
      await rm(etcd.dataDir, { recursive: true });
      await etcd.restart();
      await allBack(workers);
      await until('the record is back', () => recordIn(etcd, cluster), { withinMs: 30_000 });
      expect(await recordIn(etcd, cluster)).toMatchObject({ clusterId: id });
      expect(workers.flatMap((worker) => worker.all('record.restored')).length).toBeGreaterThan(0);
    }));

  it.concurrent('is set back to a backup, puts the newer record back', () =>
    underFormed(async ({ etcd, workers, cluster, id }, fleet) => {
      const backup = `${fleet.folder}/backup`;
      await etcd.kill();
      await cp(etcd.dataDir, backup, { recursive: true });
      await etcd.restart();
      await allSee(workers, 3);
      const [fourth] = await fleet.launch(1);
      await fourth?.prepare({ node: 'node-4', cluster, store: { hosts: [etcd.endpoint] }, options: OPTIONS });
      fourth?.order('start');
      await until('the record has grown', async () => (await recordIn(etcd, cluster))?.size === 4);
      const newest = await recordIn(etcd, cluster);
      await fourth?.stop();
      await allSee(workers, 3);
      await etcd.kill();
      await rm(etcd.dataDir, { recursive: true });
      await cp(backup, etcd.dataDir, { recursive: true });
      await etcd.restart();
      const isNewer = async () => ((await recordIn(etcd, cluster))?.version ?? 0) > (newest?.version ?? 0);
      await until('a newer record than the backup', isNewer, { withinMs: 45_000 });
      expect(await recordIn(etcd, cluster)).toMatchObject({ clusterId: id, size: 4 });
    }));
});

serverSuite(['etcd'], 'three members of etcd', () => {
  it.concurrent('lose their leader while a cluster forms: formation goes on', async () => {
    const etcd = await startEtcdCluster(3, { heartbeatMs: 100, electionMs: 1000 });
    try {
      await withFleet(async (fleet) => {
        const trap = trapIn(fleet, { point: 'create', when: 'after', signal: 'SIGSTOP' });
        const workers = await fleet.launch(3);
        const store = { hosts: etcd.endpoints };
        await fleet.prepare(workers, { cluster: newCluster(), store, options: { ttlMs: 10_000 }, trap });
        fleet.start(workers);
        const creator = await fleet.caught(trap, workers);
        const leader = await etcd.leader();
        await leader.kill();
        creator.child.kill('SIGCONT');
        await oneCluster(workers, 60_000);
        await allSee(workers, 3);
        await Promise.all(workers.map((worker) => worker.stop()));
      });
    } finally {
      await etcd.stop();
    }
  });
});

serverSuite(['etcd'], 'S16, S22: a store that is away at the start', () => {
  async function startAlone(fleet: Fleet, onFailure: 'stop' | 'ignore'): Promise<Worker> {
    const [port] = await freePorts(1);
    const [worker] = await fleet.launch(1);
    if (!worker) throw new RangeError('no worker');
    const options = { ...OPTIONS, onFailure, formationTimeoutMs: 10_000 };
    const store = { hosts: [`http://127.0.0.1:${port}`] };
    await worker.prepare({ node: 'node-1', cluster: newCluster(), store, options });
    worker.order('start', { exitsOnFailure: true });
    const isWaiting = () => worker.all('state.changed').find(({ data }) => data['kind'] === 'waiting');
    const waiting = await worker.until('waits', isWaiting);
    expect(waiting.data).toMatchObject({ reason: 'store-unreachable', cause: 'STORE_UNREACHABLE' });
    return worker;
  }

  it.concurrent('fails the start, and the process ends with a status', () =>
    withFleet(async (fleet) => {
      const worker = await startAlone(fleet, 'stop');
      expect((await worker.waitFor('failed')).data).toMatchObject({ code: 'FORMATION_TIMEOUT' });
      expect(await worker.exited).toEqual({ code: 1, signal: null });
    }));

  it.concurrent('leaves the process alone, visibly, where that was chosen', () =>
    withFleet(async (fleet) => {
      const worker = await startAlone(fleet, 'ignore');
      expect((await worker.waitFor('started')).data).toMatchObject({ kind: 'standalone', cause: 'FORMATION_TIMEOUT' });
      await worker.stop();
    }));
});
