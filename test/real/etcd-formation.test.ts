import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type EtcdServer, startEtcd, startEtcdCluster, sumOf, until } from '../servers/harness/index.ts';
import { serverSuite } from '../servers/harness/suite.ts';
import { EtcdNodes } from './nodes.ts';

const fresh = () => `real-${randomUUID().slice(0, 8)}`;
const SLOW = { withinMs: 30_000 };

serverSuite(['etcd', 'etcdctl'], 'nodes on a real etcd', () => {
  let server: EtcdServer;
  beforeAll(async () => {
    server = await startEtcd();
  });
  afterAll(() => server.stop());

  it('S1: form one cluster when they start at once', async () => {
    const world = new EtcdNodes(fresh(), server.endpoints);
    const names = Array.from({ length: 8 }, (_, index) => `n${index}`);
    for (const name of names) world.launch(name);
    await world.formed(...names);
    expect(world.identities.size).toBe(1);
    await world.stop();
  });

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

serverSuite(['etcd', 'etcdctl'], 'nodes whose etcd goes away', () => {
  it('V4 S31: longer than the TTL: nobody stops, and everybody is back as the same instance', async () => {
    const server = await startEtcd();
    try {
      const world = new EtcdNodes(fresh(), server.endpoints);
      const names = ['n1', 'n2', 'n3'];
      for (const name of names) world.launch(name);
      await world.formed(...names);
      const [identities, made] = [world.identities, world.told.filter(({ name }) => name === 'registration.made')];
      server.pause();
      await Promise.all(
        names.map((name) =>
          until(
            `${name} has lost the store`,
            () => world.told.some((each) => each.node === name && each.name === 'store.lost'),
            SLOW,
          ),
        ),
      );
      await until('the TTL has passed', () => names.every((name) => ageOf(world, name) > 4_000), SLOW);
      expect(names.map((name) => world.stateOf(name))).toEqual(['formed', 'formed', 'formed']);
      server.resume();
      await until(
        'everybody is listed again',
        () => names.every((name) => listedBy(world, name) === 3 && ageOf(world, name) < 2_000),
        SLOW,
      );
      expect(world.identities).toEqual(identities);
      const instances = (told: typeof made) => new Set(told.map(({ data }) => data['instance']));
      expect(instances(world.told.filter(({ name }) => name === 'registration.made'))).toEqual(instances(made));
      await world.stop();
    } finally {
      await server.stop();
    }
  });

  it('S22 S10: at its start: waits visibly, then fails, and is no cluster of one', async () => {
    const server = await startEtcd();
    await server.kill();
    try {
      const world = new EtcdNodes(fresh(), server.endpoints);
      const node = world.launch('n1', { formationTimeoutMs: 9_000 });
      await world.reaches('n1', 'waiting store-unreachable');
      expect(node.state).toMatchObject({ cause: 'STORE_UNREACHABLE' });
      await until('it fails', () => world.failures.has('n1'), SLOW);
      expect(world.failures.get('n1')).toMatchObject({ code: 'FORMATION_TIMEOUT' });
      expect(await node.ended).toMatchObject({ kind: 'failed' });
    } finally {
      await server.stop();
    }
  });

  it('goes on when a three-member etcd loses its leader in the middle', async () => {
    const store = await startEtcdCluster(3);
    try {
      const world = new EtcdNodes(fresh(), store.endpoints);
      world.launch('n1');
      await world.reaches('n1', 'formed');
      for (const name of ['n2', 'n3', 'n4']) world.launch(name);
      const leader = await store.leader();
      await leader.kill();
      await Promise.all(['n2', 'n3', 'n4'].map((name) => world.reaches(name, 'formed', 60_000)));
      expect(world.identities.size).toBe(1);
      await world.stop();
    } finally {
      await store.stop();
    }
  });
});

function ageOf(world: EtcdNodes, name: string): number {
  const view = world.nodes.get(name)?.view;
  return view?.kind === 'known' ? view.ageMs : Number.POSITIVE_INFINITY;
}

function listedBy(world: EtcdNodes, name: string): number {
  const view = world.nodes.get(name)?.view;
  return view?.kind === 'known' ? view.members.length : 0;
}
