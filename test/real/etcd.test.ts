import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type EtcdServer, startEtcd, sumOf, until } from '../servers/harness/index.ts';
import { serverSuite } from '../servers/harness/suite.ts';
import { EtcdNodes } from './etcd-nodes.ts';

const fresh = () => `real-${randomUUID().slice(0, 8)}`;
const SLOW = { withinMs: 30_000 };

serverSuite(['etcd', 'etcdctl'], 'nodes on a real etcd', () => {
  let server: EtcdServer;
  beforeAll(async () => {
    server = await startEtcd();
  });
  afterAll(() => server.stop());

  it('are held off by `etcdctl lock`, and hold it off', async () => {
    const world = new EtcdNodes(fresh(), server.endpoints);
    const lock = `/autocluster/${world.cluster}/locks/formation`;
    const operator = server.spawnEtcdctl(['lock', lock]);
    await until('etcdctl holds the lock', async () => {
      const { stdout } = await server.etcdctl(['get', '--prefix', `${lock}/`, '--keys-only']);
      return stdout.includes(lock);
    });
    world.launch('n1');
    await world.reaches('n1', 'waiting lock-busy');
    operator.kill('SIGTERM');
    await world.formed('n1');
    await world.stop();
  });

  it('renew without a single raft proposal', async () => {
    const world = new EtcdNodes(fresh(), server.endpoints);
    for (const name of ['n1', 'n2', 'n3']) world.launch(name);
    await world.formed('n1', 'n2', 'n3');
    const proposals = async () => sumOf(await server.metrics(), 'etcd_server_proposals_committed_total');
    const renewals = async () => sumOf(await server.metrics(), 'etcd_debugging_lease_renewed_total');
    // The size of the record is written once, soon after the last node is formed.
    await until('the record counts three', async () => {
      const { stdout } = await server.etcdctl(['get', `/autocluster/${world.cluster}/record`, '--print-value-only']);
      return stdout.includes('"size":3');
    });
    let before = await proposals();
    await until(
      'the store is quiet',
      async () => {
        const [earlier, renewed] = [before, await renewals()];
        await until('a round of renewals', async () => (await renewals()) >= renewed + 3, SLOW);
        before = await proposals();
        return before === earlier;
      },
      SLOW,
    );
    const renewed = await renewals();
    await until('nine renewals', async () => (await renewals()) >= renewed + 9, SLOW);
    expect(await proposals()).toBe(before);
    await world.stop();
  });
});
