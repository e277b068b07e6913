import { describe, expect, test } from 'vitest';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import { until } from '../../../test/servers/harness/index.js';
import { call, failure, held, lockOf, registered, registration, sharedServer } from './support.js';

serverSuite(['etcd', 'etcdctl'], 'etcd: registration', () => {
  const shared = sharedServer();

  describe.concurrent('register', () => {
    test('an entry carries what was registered, the granted TTL, and the record', async () => {
      const { one, two } = shared.pair();
      const identity = { clusterId: 'x', generation: 3 };
      const request = registration('n', { state: 'ready', identity, recordVersion: 7, metadata: { a: 'ß' } });
      const outcome = await one.register({ ...request, ttlMs: 9100 }, call());
      expect(outcome).toMatchObject({ kind: 'registered', record: { kind: 'absent' } });
      expect(registered(outcome).ttlMs).toBe(10_000);
      const { members } = await two.list(call());
      const { ttlMs: _, ...listed } = request;
      expect(members).toEqual([
        { ...listed, order: expect.any(BigInt), ref: registered(outcome).ref, ttlMs: undefined },
      ]);
      expect(registered(outcome).order).toBe(members[0]?.order);
    });

    test('a TTL below the floor of the server is answered as granted', async () => {
      const { one } = shared.pair();
      expect(registered(await one.register(registration('n', { ttlMs: 1000 }), call())).ttlMs).toBe(2000);
    });

    test('S22: a repeat by the same instance keeps the order and one lease', async () => {
      const { cluster, one, two } = shared.pair();
      const first = registered(await one.register(registration('n'), call()));
      const again = registered(await two.register(registration('n', { state: 'ready' }), call()));
      expect(again.order).toBe(first.order);
      expect(again.state).toBe('ready');
      expect(await shared.keys(`/autocluster/${cluster}/`)).toHaveLength(1);
      expect(await leaseAlive(first.ref)).toBe(false);
      expect(await leaseAlive(again.ref)).toBe(true);
    });

    test('another live instance is a conflict, which leaves nothing behind', async () => {
      const { cluster, one, two } = shared.pair();
      const first = registered(await one.register(registration('n'), call()));
      const rival = registration('n', { instance: 'n-2' });
      expect(await two.register(rival, call())).toEqual({ kind: 'conflict', instance: 'n-1' });
      expect(await shared.keys(`/autocluster/${cluster}/`)).toHaveLength(1);
      const renewed = await one.register({ ...registration('n'), held: first }, call());
      expect(registered(renewed).order).toBe(first.order);
    });

    test('a node whose instance died is taken over when its lease has ended', async () => {
      const { one, two } = shared.pair();
      await one.register(registration('n', { ttlMs: 2000 }), call());
      const rival = registration('n', { instance: 'n-2' });
      const outcome = await until('a takeover', async () => {
        const tried = await two.register(rival, call());
        return tried.kind === 'registered' && tried;
      });
      expect(registered(outcome).instance).toBe('n-2');
    });
  });

  describe.concurrent('renewal', () => {
    test('restarts the TTL and answers the record', async () => {
      const { one, two } = shared.pair();
      const first = registered(await one.register(registration('n'), call()));
      const grant = held(await two.lock(lockOf('m'), call()));
      const renewed = await one.register({ ...registration('n'), held: first }, call());
      expect(registered(renewed)).toEqual(first);
      await two.unlock(grant, call());
    });

    test('a deleted key is written again while its lease lives', async () => {
      const { cluster, one, two } = shared.pair();
      const first = registered(await one.register(registration('n'), call()));
      await shared.remove(`/autocluster/${cluster}/members/n`);
      const renewed = registered(await one.register({ ...registration('n'), held: first }, call()));
      expect(renewed.ref).toBe(first.ref);
      expect((await two.list(call())).members.map(({ node }) => node)).toEqual(['n']);
    });

    test('S31: a lease that is gone is replaced, and the key put again', async () => {
      const { one, two } = shared.pair();
      const first = registered(await one.register(registration('n'), call()));
      await shared.server.etcdctl(['lease', 'revoke', first.ref]);
      const renewed = registered(await one.register({ ...registration('n'), held: first }, call()));
      expect(renewed.ref).not.toBe(first.ref);
      expect((await two.list(call())).members).toHaveLength(1);
    });

    test.each([
      ['state', { state: 'ready' as const }],
      ['identity', { identity: { clusterId: 'x', generation: 1 } }],
      ['record version', { recordVersion: 4 }],
      ['metadata', { metadata: { role: 'b' } }],
    ])('a changed %s is written', async (_, changes) => {
      const { one, two } = shared.pair();
      const first = registered(await one.register(registration('n'), call()));
      const renewed = registered(await one.register({ ...registration('n', changes), held: first }, call()));
      expect(renewed).toMatchObject({ ...changes, ref: first.ref, order: first.order });
      expect((await two.list(call())).members[0]).toMatchObject(changes);
    });

    test('an entry that somebody overwrote by hand is put right', async () => {
      const { cluster, one, two } = shared.pair();
      const first = registered(await one.register(registration('n'), call()));
      await shared.put(`/autocluster/${cluster}/members/n`, 'garbage');
      expect((await two.list(call())).skipped).toHaveLength(1);
      await one.register({ ...registration('n'), held: first }, call());
      expect((await two.list(call())).members[0]).toMatchObject({ node: 'n', ref: first.ref });
    });

    test('an entry whose text somebody overwrote under our own lease is ours, and put right', async () => {
      const { cluster, one, two } = shared.pair();
      const key = `/autocluster/${cluster}/members/n`;
      const first = registered(await one.register(registration('n'), call()));
      await shared.etcdctl('put', '--ignore-lease', key, 'garbage');
      expect((await two.list(call())).skipped).toHaveLength(1);
      registered(await one.register({ ...registration('n'), held: first }, call()));
      expect((await two.list(call())).members[0]).toMatchObject({ node: 'n', ref: first.ref });
    });

    test('finds that another instance holds the name', async () => {
      const { one, two } = shared.pair();
      const first = registered(await one.register(registration('n'), call()));
      await shared.server.etcdctl(['lease', 'revoke', first.ref]);
      await two.register(registration('n', { instance: 'n-2' }), call());
      const outcome = await one.register({ ...registration('n'), held: first }, call());
      expect(outcome).toEqual({ kind: 'conflict', instance: 'n-2' });
    });
  });

  describe.concurrent('unregister', () => {
    test('removes the entry and its lease, and once more does no harm', async () => {
      const { cluster, one } = shared.pair();
      const first = registered(await one.register(registration('n'), call()));
      await one.unregister(first, call());
      expect(await shared.keys(`/autocluster/${cluster}/`)).toEqual([]);
      expect(await leaseAlive(first.ref)).toBe(false);
      await one.unregister(first, call());
    });

    test('a newer instance stays', async () => {
      const { one, two } = shared.pair();
      const first = registered(await one.register(registration('n'), call()));
      await shared.server.etcdctl(['lease', 'revoke', first.ref]);
      await two.register(registration('n', { instance: 'n-2' }), call());
      await one.unregister(first, call());
      expect((await two.list(call())).members[0]?.instance).toBe('n-2');
    });

    test('an entry of the same instance under another lease goes as well', async () => {
      const { cluster, one, two } = shared.pair();
      const first = registered(await one.register(registration('n'), call()));
      await two.register(registration('n'), call());
      await one.unregister(first, call());
      expect(await shared.keys(`/autocluster/${cluster}/`)).toEqual([]);
    });
  });

  test('S10: whoever registers before it lists sees itself', async () => {
    const { one, two } = shared.pair();
    const nodes = Array.from({ length: 20 }, (_, index) => `node-${index}`);
    const seen = await Promise.all(
      nodes.map(async (node, index) => {
        const backend = index % 2 === 0 ? one : two;
        await backend.register(registration(node), call());
        const { members } = await backend.list(call());
        return members.some((member) => member.node === node);
      }),
    );
    expect(seen).toEqual(nodes.map(() => true));
  });

  test('registrations cannot be aborted into a lie: the code says whether it may have happened', async () => {
    const { one } = shared.pair();
    const signal = AbortSignal.abort(new Error('enough'));
    const error = await failure(one.register(registration('n'), call({ signal })));
    expect(error).toMatchObject({ code: 'ABORTED', outcomeUnknown: false, operation: 'register' });
  });

  const leaseAlive = async (ref: string) => (await shared.server.etcdctl(['lease', 'list'])).stdout.includes(ref);
});
