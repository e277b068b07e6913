import { describe, expect, test } from 'vitest';
import { until } from '../../../test/servers/harness/index.js';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import { busy, call, held, lockOf, recordOf, registered, registration, sharedServer } from './support.js';

serverSuite(['etcd', 'etcdctl'], 'etcd: layout of RabbitMQ', () => {
  const shared = sharedServer();
  const rabbits = () => {
    const pair = shared.pair({ layout: 'rabbitmq' });
    const places = (kind: string) => `/rabbitmq/${kind}/rabbitmq/clusters/${pair.cluster}/`;
    return { ...pair, nodes: `${places('discovery')}nodes`, lock: `${places('locks')}registration` };
  };
  /** What RabbitMQ's own peer discovery does: a lease, and a put of a JSON object under the node's key. */
  async function registerNative(nodes: string, node: string): Promise<string> {
    const printed = /lease ([0-9a-f]+)/.exec(await shared.etcdctl('lease', 'grant', '61'))?.[1] ?? '';
    // etcdctl prints an id with leading zeros; keys and everybody else go without.
    const lease = BigInt(`0x${printed}`).toString(16);
    const value = `{"node":"${node}","lease_id":${BigInt(`0x${lease}`)},"ttl":61}`;
    await shared.etcdctl('put', `--lease=${lease}`, `${nodes}/${node}`, value);
    return lease;
  }

  describe.concurrent('members', () => {
    test('native nodes are listed as ready members without an identity', async () => {
      const { one, nodes } = rabbits();
      const lease = await registerNative(nodes, 'rabbit@a');
      await one.register(registration('rabbit@b', { metadata: { role: 'x' } }), call());
      const { members, skipped } = await one.list(call());
      expect(skipped).toEqual([]);
      expect(members.map(({ node, state, identity, metadata }) => ({ node, state, identity, metadata }))).toEqual([
        { node: 'rabbit@a', state: 'ready', identity: undefined, metadata: {} },
        { node: 'rabbit@b', state: 'joining', identity: undefined, metadata: { role: 'x' } },
      ]);
      expect(members[0]?.instance).toBe(`lease-${lease}`);
    });

    test('ours carry what native nodes read, and the exact lease id', async () => {
      const { one, nodes } = rabbits();
      const own = registered(await one.register(registration('rabbit@b', { ttlMs: 30_000 }), call()));
      const stored = await shared.etcdctl('get', '--print-value-only', `${nodes}/rabbit@b`);
      expect(JSON.parse(stored)).toMatchObject({ node: 'rabbit@b', ttl: 30 });
      expect(stored).toContain(`"lease_id":${BigInt(`0x${own.ref}`)},`);
    });

    test('what native nodes list holds nothing but nodes', async () => {
      const { one, nodes } = rabbits();
      await one.register(registration('rabbit@b'), call());
      const grant = held(await one.lock(lockOf('rabbit@b'), call()));
      await one.unlock(grant, { ...call(), record: recordOf(grant) });
      expect((await one.list(call())).record.kind).toBe('present');
      expect(await shared.keys(nodes)).toEqual([`${nodes}/rabbit@b`]);
    });

    test('a live native node keeps its name', async () => {
      const { one, nodes } = rabbits();
      const lease = await registerNative(nodes, 'rabbit@a');
      const outcome = await one.register(registration('rabbit@a'), call());
      expect(outcome).toEqual({ kind: 'conflict', instance: `lease-${lease}` });
      await shared.etcdctl('lease', 'revoke', lease);
      registered(await one.register(registration('rabbit@a'), call()));
    });

    test('renewal, rewrite and removal work as in the other layout', async () => {
      const { one, two, nodes } = rabbits();
      const own = registered(await one.register(registration('rabbit@b'), call()));
      await shared.remove(`${nodes}/rabbit@b`);
      const renewed = registered(await one.register({ ...registration('rabbit@b'), held: own }, call()));
      const { revision } = await one.list(call());
      registered(await one.register({ ...registration('rabbit@b'), held: renewed }, call()));
      expect((await two.list(call())).members.map(({ node }) => node)).toEqual(['rabbit@b']);
      expect(revision).toBeDefined();
      await one.unregister(renewed, call());
      expect(await shared.keys(nodes)).toEqual([]);
    });
  });

  describe.concurrent('lock', () => {
    test('formation is the lock that native nodes take for their registration', async () => {
      const { one, lock } = rabbits();
      const native = shared.server.spawnEtcdctl(['lock', lock]);
      await native.seen(/registration\/[0-9a-f]+/);
      expect(busy(await one.lock(lockOf('rabbit@b'), call())).holder).toBeUndefined();
      held(await one.lock(lockOf('rabbit@b', { name: 'cleanup' }), call()));
      native.kill('SIGINT');
      await native.exited;
      held(await one.lock(lockOf('rabbit@b'), call()));
    });

    test('a native node waits for ours', async () => {
      const { one, lock } = rabbits();
      const grant = held(await one.lock(lockOf('rabbit@b'), call()));
      const native = shared.server.spawnEtcdctl(['lock', lock]);
      await until('it is in the queue', async () => (await shared.keys(lock)).length === 2);
      expect(native.stdout()).toBe('');
      await one.unlock(grant, call());
      await native.seen(/registration\/[0-9a-f]+/);
      native.kill('SIGINT');
      await native.exited;
    });

    test('S32: the prefix is part of the keys', async () => {
      const { one, cluster } = shared.pair({ layout: 'rabbitmq', prefix: 'mine' });
      await one.register(registration('rabbit@b'), call());
      held(await one.lock(lockOf('rabbit@b'), call()));
      expect(await shared.keys(`/rabbitmq/discovery/mine/clusters/${cluster}/nodes/`)).toHaveLength(1);
      expect(await shared.keys(`/rabbitmq/locks/mine/clusters/${cluster}/registration/`)).toHaveLength(1);
    });
  });
});
