import { createClusterNode, processDriver } from '@autocluster/core';
import { describe, expect, it } from 'vitest';
import { World } from './kit.js';

const NAMES = ['n1', 'n2', 'n3'];

/** Nodes are listed by the platform, under names and instances alone, whatever they do. */
function platform(seed = 1): World {
  const world = new World(seed, {
    registration: 'platform',
    metadata: false,
    ordered: false,
    exclusiveNames: false,
    listConsistency: 'eventual',
  });
  for (const node of NAMES)
    world.store.cluster('demo').insertMember({ node, instance: `pod-${node}`, state: 'joining' });
  return world;
}

const recordOf = ({ cluster: { record } }: World) => (record.kind === 'present' ? record.record : undefined);

describe('nodes that a platform lists', () => {
  it.each(Array.from({ length: 20 }, (_, index) => index + 1))(
    'form one cluster although lists are late, and nobody writes over its record (seed %i)',
    async (seed) => {
      const world = platform(seed);
      const daemons = world.daemons();
      for (const name of NAMES) world.launch(name, { driver: daemons.daemon(name) });
      await world.formed(...NAMES);
      const created = world.events('record.committed').filter(({ data }) => data['change'] === 'create');
      expect([world.clusters.size, created.length]).toEqual([1, 1]);
    },
  );

  it('take the instance that the platform gave them', async () => {
    const world = platform();
    const daemons = world.daemons();
    for (const name of NAMES) world.launch(name, { driver: daemons.daemon(name) });
    await world.formed(...NAMES);
    const made = NAMES.map((name) => world.events('registration.made', name)[0]?.data['instance']);
    expect(made).toEqual(NAMES.map((name) => `pod-${name}`));
  });

  it('count in the health report by what the own daemon says of them: the list has no identity', async () => {
    const world = platform();
    const daemons = world.daemons();
    const nodes = NAMES.map((name) => world.launch(name, { driver: daemons.daemon(name) }));
    await world.formed(...NAMES);
    await world.until(() => recordOf(world)?.size === NAMES.length);
    for (const node of nodes) {
      const { checks } = await world.settle(node.health());
      const evidence = '3 members, 3 run, 3 listed; size 3';
      expect(checks).toContainEqual(expect.objectContaining({ name: 'sizes', status: 'ok', evidence }));
    }
  });

  it('do not take a cluster for idle while the platform lists others, who may be members', async () => {
    const world = platform();
    const daemons = world.daemons();
    const [first, second] = NAMES.map((name) => world.launch(name, { driver: daemons.daemon(name) }));
    await world.formed(...NAMES);
    await world.until(() => recordOf(world)?.size === NAMES.length);
    if (!first || !second) throw new Error('no node');
    await world.settle(first.stop());
    expect(recordOf(world)?.idle).toBe(false);
    world.store.cluster('demo').deleteMember('n1');
    await world.settle(second.stop());
    expect(recordOf(world)?.idle).toBe(false);
  });

  it('leave word that nobody is there when the platform lists nobody else', async () => {
    const world = platform();
    const daemons = world.daemons();
    for (const other of ['n2', 'n3']) world.store.cluster('demo').deleteMember(other);
    const node = world.launch('n1', { driver: daemons.daemon('n1') });
    await world.formed('n1');
    await world.settle(node.stop());
    expect(recordOf(world)?.idle).toBe(true);
  });

  it('wait, visibly, until the platform lists them', async () => {
    const world = platform();
    const daemons = world.daemons();
    world.store.cluster('demo').deleteMember('n1');
    world.launch('n1', { driver: daemons.daemon('n1') });
    await world.until(() => world.stateOf('n1') === 'waiting store-unreachable');
    world.store.cluster('demo').insertMember({ node: 'n1', instance: 'pod-n1' });
    world.launch('n2', { driver: daemons.daemon('n2') });
    world.launch('n3', { driver: daemons.daemon('n3') });
    await world.formed('n1');
  });

  it('F2: replace no cluster whose members are listed and cannot be asked, however long that lasts', async () => {
    const world = platform();
    const daemons = world.daemons();
    const [first] = NAMES.map((name) => world.launch(name, { driver: daemons.daemon(name) }));
    await world.formed(...NAMES);
    if (!first) throw new Error('no node');
    await world.settle(first.stop());
    daemons.daemon('n1').wipe();
    daemons.partition([['n1'], ['n2', 'n3']]);
    const recreates = { whenNobodyAlive: { recreate: 1 }, client: 'n1 again' } as const;
    world.launch('n1', { driver: daemons.daemon('n1'), ...recreates });
    await world.time.advance(120_000);
    expect([world.stateOf('n1'), recordOf(world)?.generation]).toEqual(['waiting peers-not-ready', 1]);
    for (const other of ['n2', 'n3']) daemons.daemon(other).stop();
    daemons.heal();
    await world.time.advance(10_000);
    expect([world.stateOf('n1'), recordOf(world)?.generation]).toEqual(['waiting nobody-alive', 1]);
    await world.formed('n1');
    expect(recordOf(world)?.generation).toBe(2);
  });

  it('need a driver that asks the daemons themselves', () => {
    const world = platform();
    const backend = world.store.client({ cluster: 'demo', id: 'n1' });
    const driver = processDriver({ node: 'n1' });
    expect(() => createClusterNode({ backend, driver }, world.time.runtime)).toThrow(/UNSUPPORTED.*views: 'peer'/);
  });
});
