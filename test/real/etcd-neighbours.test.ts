import { afterAll, beforeAll, expect, it } from 'vitest';
import { type EtcdServer, startEtcd, sumOf, until } from '../servers/harness/index.ts';
import { serverSuite } from '../servers/harness/suite.ts';
import { allSee, newCluster, oneCluster, trapIn, withFleet } from './crash-kit.ts';

const lockOf = (cluster: string) => `/autocluster/${cluster}/locks/formation`;

serverSuite(['etcd', 'etcdctl'], 'formation and etcdctl', () => {
  let etcd: EtcdServer;
  beforeAll(async () => {
    etcd = await startEtcd();
  });
  afterAll(() => etcd.stop());

  it('waits for `etcdctl lock`', () =>
    withFleet(async (fleet) => {
      const cluster = newCluster();
      const operator = etcd.spawnEtcdctl(['lock', lockOf(cluster)]);
      await operator.seen(/formation/);
      const workers = await fleet.launch(2);
      await fleet.prepare(workers, { cluster, store: { hosts: [etcd.endpoint] }, options: { ttlMs: 3_000 } });
      fleet.start(workers);
      const busy = workers.map((worker) =>
        worker.until('waits for the lock', () =>
          worker.all('state.changed').find(({ data }) => data['reason'] === 'lock-busy'),
        ),
      );
      await Promise.all(busy);
      expect(workers.flatMap((worker) => worker.all('created'))).toEqual([]);
      operator.kill('SIGINT');
      await oneCluster(workers);
      await operator.exited;
      await Promise.all(workers.map((worker) => worker.stop()));
    }));

  it('makes `etcdctl lock` wait', () =>
    withFleet(async (fleet) => {
      const cluster = newCluster();
      const trap = trapIn(fleet, { point: 'create', when: 'after', signal: 'SIGSTOP' });
      const workers = await fleet.launch(1);
      const store = { hosts: [etcd.endpoint] };
      await fleet.prepare(workers, { cluster, store, options: { ttlMs: 20_000 }, trap });
      fleet.start(workers);
      const holder = await fleet.caught(trap, workers);
      const operator = etcd.spawnEtcdctl(['lock', lockOf(cluster), 'echo', 'inside']);
      await until('two in the queue', async () => {
        const { stdout } = await etcd.etcdctl(['get', `${lockOf(cluster)}/`, '--prefix', '--keys-only']);
        return stdout.match(/locks\/formation\//g)?.length === 2;
      });
      expect(operator.stdout()).toBe('');
      holder.child.kill('SIGCONT');
      expect(await operator.exited).toMatchObject({ stdout: 'inside\n', exitCode: 0 });
      expect((await holder.formed()).role).toBe('creator');
      await holder.stop();
    }));

  it('costs etcd no write while nothing happens', () =>
    withFleet(async (fleet) => {
      const workers = await fleet.launch(3);
      const store = { hosts: [etcd.endpoint] };
      const cluster = newCluster();
      await fleet.prepare(workers, { cluster, store, options: { ttlMs: 2_000 } });
      fleet.start(workers);
      await oneCluster(workers);
      await allSee(workers, 3);
      await until('the record has its size', async () => {
        const { stdout } = await etcd.etcdctl(['get', `/autocluster/${cluster}/record`, '--print-value-only']);
        return (JSON.parse(stdout) as { size: number }).size === 3;
      });
      const measure = async () => {
        const metrics = await etcd.metrics();
        return {
          writes: sumOf(metrics, 'etcd_server_proposals_committed_total'),
          renewals: sumOf(metrics, 'etcd_debugging_lease_renewed_total'),
        };
      };
      const before = await measure();
      const after = await until(
        'five renewals of each node',
        async () => {
          const now = await measure();
          return now.renewals >= before.renewals + 15 && now;
        },
        { withinMs: 30_000 },
      );
      expect(after.writes - before.writes).toBe(0);
      await Promise.all(workers.map((worker) => worker.stop()));
    }));
});
