import { describe, expect, test } from 'vitest';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import { until } from '../../../test/servers/harness/index.js';
import { call, failure, held, lockOf, memberLease, registered, registration, sharedServer } from './support.js';

serverSuite(['kube-apiserver', 'etcd'], 'kubernetes: registration', () => {
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
      expect(members).toEqual([{ ...listed, order: undefined, ref: registered(outcome).ref, ttlMs: undefined }]);
    });

    test('a person finds everything in the Lease', async () => {
      const { cluster, one } = shared.pair();
      await one.register(registration('rabbit@host-1', { instance: 'i' }), call());
      const { metadata, spec } = await shared.lease(memberLease(cluster, 'rabbit--40host-1'));
      expect(metadata.labels).toEqual({
        'app.kubernetes.io/managed-by': 'autocluster',
        'autocluster/cluster': cluster,
        'autocluster/kind': 'member',
      });
      expect(metadata.annotations).toMatchObject({
        'autocluster/cluster': cluster,
        'autocluster/name': 'rabbit@host-1',
      });
      const time = expect.stringMatching(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}000Z$/);
      const expected = { holderIdentity: 'i', leaseDurationSeconds: 10, acquireTime: time, renewTime: time };
      expect(spec).toEqual({ ...expected, leaseTransitions: 0 });
      expect(Math.abs(Date.parse(String(spec['renewTime'])) - Date.now())).toBeLessThan(30_000);
    });

    test('S22: a repeat by the same instance keeps its Lease', async () => {
      const { cluster, one, two } = shared.pair();
      const first = registered(await one.register(registration('n'), call()));
      const again = registered(await two.register(registration('n', { state: 'ready' }), call()));
      expect(again.ref).toBe(first.ref);
      expect(again.state).toBe('ready');
      expect(await shared.leases(cluster)).toEqual([memberLease(cluster, 'n')]);
    });

    test('another live instance is a conflict, which leaves nothing behind', async () => {
      const { cluster, one, two } = shared.pair();
      const first = registered(await one.register(registration('n'), call()));
      const rival = registration('n', { instance: 'n-2' });
      expect(await two.register(rival, call())).toEqual({ kind: 'conflict', instance: 'n-1' });
      expect(await shared.leases(cluster)).toHaveLength(1);
      const renewed = await one.register({ ...registration('n'), held: first }, call());
      expect(registered(renewed).ref).toBe(first.ref);
    });

    test('a node whose instance died is taken over when its Lease was silent for its duration', async () => {
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

    test('S31: a Lease that is gone is made again', async () => {
      const { cluster, one, two } = shared.pair();
      const first = registered(await one.register(registration('n'), call()));
      await shared.remove(memberLease(cluster, 'n'));
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
      expect(renewed).toMatchObject({ ...changes, ref: first.ref });
      expect((await two.list(call())).members[0]).toMatchObject(changes);
    });

    test('an entry that somebody overwrote by hand is put right', async () => {
      const { cluster, one, two } = shared.pair();
      const first = registered(await one.register(registration('n'), call()));
      await shared.change(memberLease(cluster, 'n'), { metadata: { annotations: { 'autocluster/entry': 'garbage' } } });
      expect((await two.list(call())).skipped).toHaveLength(1);
      await one.register({ ...registration('n'), held: first }, call());
      expect((await two.list(call())).members[0]).toMatchObject({ node: 'n', ref: first.ref });
    });

    test('finds that another instance holds the name', async () => {
      const { cluster, one, two } = shared.pair();
      const first = registered(await one.register(registration('n'), call()));
      await shared.remove(memberLease(cluster, 'n'));
      await two.register(registration('n', { instance: 'n-2' }), call());
      const outcome = await one.register({ ...registration('n'), held: first }, call());
      expect(outcome).toEqual({ kind: 'conflict', instance: 'n-2' });
    });

    test('finds each time who holds the name now, and that nobody does', async () => {
      const { cluster, one } = shared.pair();
      const held = registered(await one.register(registration('n'), call()));
      const renew = () => one.register({ ...registration('n'), held }, call());
      const name = memberLease(cluster, 'n');
      for (const instance of ['n-2', 'n-3']) {
        await shared.change(name, { spec: { holderIdentity: instance } });
        expect(await renew()).toEqual({ kind: 'conflict', instance });
      }
      await shared.remove(name);
      expect(registered(await renew()).ref).not.toBe(held.ref);
    });
  });

  describe.concurrent('unregister', () => {
    test('removes the Lease, and once more does no harm', async () => {
      const { cluster, one } = shared.pair();
      const first = registered(await one.register(registration('n'), call()));
      await one.unregister(first, call());
      expect(await shared.leases(cluster)).toEqual([]);
      await one.unregister(first, call());
    });

    test('a newer instance stays', async () => {
      const { cluster, one, two } = shared.pair();
      const first = registered(await one.register(registration('n'), call()));
      await shared.remove(memberLease(cluster, 'n'));
      await two.register(registration('n', { instance: 'n-2' }), call());
      await one.unregister(first, call());
      expect((await two.list(call())).members[0]?.instance).toBe('n-2');
    });

    test('an entry that the same instance has written again goes as well', async () => {
      const { cluster, one, two } = shared.pair();
      const first = registered(await one.register(registration('n'), call()));
      await two.register(registration('n'), call());
      await one.unregister(first, call());
      expect(await shared.leases(cluster)).toEqual([]);
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
});
