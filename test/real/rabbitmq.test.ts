import { afterAll, beforeAll, expect, it } from 'vitest';
import { type EtcdServer, startEtcd } from '../servers/harness/index.ts';
import { accepts } from '../servers/harness/epmd.ts';
import { serverSuite } from '../servers/harness/suite.ts';
import { oneCluster, RabbitFleet, type NodeSpec, type RabbitNode } from './rabbitmq/fleet.ts';

const OPTIONS = { ttlMs: 15_000, onFailure: 'stop', onEvicted: 'rejoin' } as const;

serverSuite(['rabbitmq', 'etcd'], 'RabbitMQ on etcd', () => {
  let etcd: EtcdServer;
  let fleet: RabbitFleet;
  let nodes: readonly RabbitNode[] = [];
  const specOf = (name: string, more: Partial<NodeSpec> = {}): NodeSpec => ({
    name,
    store: { kind: 'etcd', cluster: 'rabbits', hosts: etcd.endpoint },
    options: OPTIONS,
    ...more,
  });
  const nodeAt = (index: number) => nodes[index] ?? expect.fail(`no node ${index}`);
  const identityOf = (node: RabbitNode) => node.state('formed')?.data['identity'];

  beforeAll(async () => {
    etcd = await startEtcd();
    fleet = new RabbitFleet();
  });
  afterAll(async () => {
    await fleet.end();
    await etcd.stop();
  });

  it('S1, S6: three nodes that start at the same moment are one cluster, and let nobody in before', async () => {
    nodes = await fleet.start(specOf('rabbit1'), specOf('rabbit2'), specOf('rabbit3'));
    await Promise.all(nodes.map((node) => letsNobodyInEarly(node)));
    expect(new Set(nodes.map((node) => JSON.stringify(identityOf(node)))).size).toBe(1);
    const roles = nodes.map((node) => node.state('formed')?.data['role']);
    expect(roles.filter((role) => role === 'creator')).toHaveLength(1);
    expect(await oneCluster(nodes)).toBe(true);
  });
});

/** Its listener opens only when its membership was confirmed. */
async function letsNobodyInEarly(node: RabbitNode): Promise<void> {
  const open = await node.until('lets clients in', async () => (await accepts(node.amqpPort)) || undefined);
  expect(open).toBe(true);
  // The store and the daemon had agreed by then: what is left is to say so.
  expect(node.log()).toMatch(/state\.changed \{"kind":"(confirming|committing)"/);
  await node.formed();
}
