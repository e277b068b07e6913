import { randomUUID } from 'node:crypto';
import { afterAll, expect, it } from 'vitest';
import { type RabbitmqNode, startRabbitmq } from '../servers/harness/index.ts';
import { serverSuite } from '../servers/harness/suite.ts';
import { statusOf } from './rabbitmq/fleet.ts';
import { fleetOnEtcd } from './rabbitmq/suite.ts';

serverSuite(['rabbitmq', 'etcd', 'etcdctl'], "RabbitMQ's own discovery and ours", () => {
  const cluster = `native-${randomUUID().slice(0, 8)}`;
  const on = fleetOnEtcd();
  const natives: RabbitmqNode[] = [];

  const startNative = async () => {
    const node = await startRabbitmq({
      epmd: await on.fleet.epmd,
      cookie: on.fleet.cookie,
      config: [
        'cluster_formation.peer_discovery_backend = etcd',
        `cluster_formation.etcd.endpoints.1 = ${new URL(on.etcd.endpoint).host}`,
        `cluster_formation.etcd.cluster_name = ${cluster}`,
      ],
      plugins: ['rabbitmq_peer_discovery_etcd'],
    });
    natives.push(node);
    return node;
  };
  const members = async (node: Parameters<typeof statusOf>[0]) => (await statusOf(node)).running;

  afterAll(async () => {
    await Promise.all(natives.map((node) => node.stop()));
  });

  it('form one cluster: ours adopts a native one, and a native one then joins ours', { timeout: 600_000 }, async () => {
    const first = await startNative();
    const [ours] = await on.fleet.start({
      name: 'ours',
      store: { kind: 'etcd', cluster, hosts: on.etcd.endpoint, layout: 'rabbitmq' },
      options: { ttlMs: 15_000, onLocalData: 'adopt' as const },
    });
    if (!ours) return expect.fail('no node');
    await ours.serves();
    expect(await members(first)).toEqual([ours.nodename, first.nodename].sort());
    const second = await startNative();
    const all = [ours.nodename, first.nodename, second.nodename].sort();
    for (const node of [first, second, ours]) expect(await members(node)).toEqual(all);
    // The identity is with every member, also with those that know nothing of it.
    const parameters = await Promise.all(natives.map((node) => node.rabbitmqctl(['list_global_parameters'])));
    for (const { stdout } of parameters) expect(stdout).toContain('committed');
  });
});
