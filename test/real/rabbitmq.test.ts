import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { accepts } from '../servers/harness/epmd.ts';
import { serverSuite } from '../servers/harness/suite.ts';
import { oneCluster, statusOf, type NodeSpec, type RabbitNode } from './rabbitmq/fleet.ts';
import { QUICK, seedScenario } from './rabbitmq/seed-scenario.ts';
import { fleetOnEtcd } from './rabbitmq/suite.ts';

const OPTIONS = { ttlMs: 15_000, onFailure: 'stop', onEvicted: 'rejoin' } as const;

// Longer than the slowest wait of a node, which then tells its story: a broker boots in 5 to 100 s, by what else runs.
vi.setConfig({ testTimeout: 600_000 });

// The scenario waits most of the time, and leaves the processor to the steps beside it.
describe.concurrent('RabbitMQ', () => {
  serverSuite(['rabbitmq', 'etcd'], 'three nodes from their formation to a store that is away', () => {
    // The exact times of the scenario, and the other stores: `pnpm scenario:rabbitmq`.
    it('S35, S39, S44: form, lose one for good, get it back, and lose no message and no store', () =>
      seedScenario({ store: 'etcd', cleanup: QUICK }));
  });

  serverSuite(['rabbitmq', 'etcd'], 'one step after the other', () => {
    const on = fleetOnEtcd();
    let nodes: readonly RabbitNode[] = [];
    const specOf = (name: string, more: Partial<NodeSpec> = {}): NodeSpec => ({
      name,
      store: { kind: 'etcd', cluster: 'rabbits', hosts: on.etcd.endpoint },
      options: OPTIONS,
      ...more,
    });
    const elsewhere = () => ({ store: { kind: 'etcd', cluster: 'others', hosts: on.etcd.endpoint } }) as const;
    const nodeAt = (index: number) => nodes[index] ?? expect.fail(`no node ${index}`);
    const identityOf = (node: RabbitNode) => node.state('formed')?.data['identity'];

    it.sequential('S1, S2, S6, S14: three nodes that start at the same moment are one cluster, and let nobody in before', async () => {
      nodes = await on.fleet.start(specOf('rabbit1'), specOf('rabbit2'), specOf('rabbit3'));
      await Promise.all(nodes.map((node) => letsNobodyInEarly(node)));
      expect(new Set(nodes.map((node) => JSON.stringify(identityOf(node)))).size).toBe(1);
      const roles = nodes.map((node) => node.state('formed')?.data['role']);
      expect(roles.filter((role) => role === 'creator')).toHaveLength(1);
      expect(await oneCluster(nodes)).toBe(true);
    });

    it.sequential('S4: a killed node that comes back with its data is a member again, as another instance', async () => {
      const third = nodeAt(2);
      const before = third.last('registration.made')?.data['instance'];
      await third.kill();
      third.start();
      await third.serves();
      expect(third.state('formed')?.data['role']).toBe('member');
      expect(third.last('registration.made')?.data['instance']).not.toBe(before);
      expect(await oneCluster(nodes)).toBe(true);
    });

    it.sequential('S17, S18, S19, S39: a node whose disk was lost joins again, through what the others still list of it', async () => {
      const second = nodeAt(1);
      expect(await second.stop()).toBe(0);
      await second.wipe();
      second.start();
      await second.serves();
      expect(second.state('formed')?.data['role']).toBe('joiner');
      expect(await oneCluster(nodes)).toBe(true);
    });

    it.sequential('S84: a node that is killed while it joins recovers by itself', async () => {
      const [late] = await on.fleet.start(specOf('rabbit4'));
      if (!late) return expect.fail('no node');
      await late.until('joins', () => late.state('joining'));
      await late.kill();
      late.start();
      await late.serves();
      expect(await oneCluster([...nodes, late])).toBe(true);
      await late.kill();
    });

    it.sequential('S9: a node with another cookie makes no second cluster', async () => {
      const [stranger] = await on.fleet.start(specOf('rabbit5', { cookie: 'another' }));
      if (!stranger) return expect.fail('no node');
      const waits = (data: RabbitNode['told'][number]['data']) => data['reason'] === 'seeds-unusable';
      await stranger.until('waits', () => stranger.last('state.changed', waits));
      expect(stranger.state('creating')).toBeUndefined();
      expect(await accepts(stranger.amqpPort)).toBe(false);
      await stranger.kill();
    });

    it.sequential('a node with data of another cluster is refused, and its data stay', async () => {
      const [third, [alone]] = [nodeAt(2), await on.fleet.start(specOf('rabbit6', elsewhere()))];
      await third.rabbitmqctl(['add_vhost', 'kept']);
      await third.stop();
      await alone?.serves();
      third.start(elsewhere());
      expect(await third.exited).toBe(1);
      expect(third.log()).toContain('CLUSTER_MISMATCH');
      third.start();
      await third.serves();
      expect(third.state('formed')?.data['role']).toBe('member');
      expect((await third.rabbitmqctl(['--quiet', 'list_vhosts'])).stdout).toMatch(/^kept$/m);
      expect((await statusOf(third)).running).toEqual(nodes.map(({ nodename }) => nodename));
    });

    it.sequential.each([
      ['a first node that cannot open its listener', 'RABBITMQ_NODE_PORT', /the broker did not boot: .*eaddrinuse/],
      ['a node whose VM does not come up', 'RABBITMQ_DIST_PORT', /eaddrinuse/],
    ])('%s ends, and says why', async (_what, port, why) => {
      const node = await on.fleet.place(specOf('rabbit7', { store: { ...elsewhere().store, cluster: port } }));
      const holder = createServer().listen(Number(node.environment[port]), '127.0.0.1');
      await once(holder, 'listening');
      try {
        node.start();
        expect(await node.exited).toBe(1);
        expect(node.log()).toMatch(why);
      } finally {
        holder.close();
      }
    });

    it.sequential('members outlive their store', async () => {
      await on.etcd.kill();
      await Promise.all(nodes.map((node) => node.until('misses its store', () => node.last('store.lost'))));
      const names = nodes.map(({ nodename }) => nodename);
      expect((await Promise.all(nodes.map((node) => statusOf(node)))).map(({ running }) => running)).toEqual([
        names,
        names,
        names,
      ]);
      await on.etcd.restart();
      await Promise.all(nodes.map((node) => node.until('has its store back', () => node.last('store.back'))));
      expect(nodes.every((node) => node.running && node.state('formed') !== undefined)).toBe(true);
    });
  });
});

/** Its listener opens only when its membership was confirmed. */
async function letsNobodyInEarly(node: RabbitNode): Promise<void> {
  const open = await node.until('lets clients in', async () => (await accepts(node.amqpPort)) || undefined);
  expect(open).toBe(true);
  // The store and the daemon had agreed by then: what is left is to say so.
  expect(node.log()).toMatch(/state\.changed \{"kind":"(confirming|committing)"/);
  await node.serves();
}
