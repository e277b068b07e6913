import { describe, expect, test } from 'vitest';
import { LEASES, must } from '../../../test/backends/kubernetes.js';
import { until } from '../../../test/servers/harness/index.js';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import { call, held, lockOf, memberLease, recordOf, registered, registration, sharedServer } from './support.js';

serverSuite(['kube-apiserver', 'etcd'], 'kubernetes: list', () => {
  const shared = sharedServer();

  describe.concurrent('list', () => {
    test('S5: an empty namespace is an empty complete list', async () => {
      const { one } = shared.pair();
      const list = await one.list(call());
      expect(list).toMatchObject({ members: [], record: { kind: 'absent' }, complete: true, skipped: [] });
      expect(list.revision).toBeGreaterThan(0n);
      expect(list.store).toMatch(/^[0-9a-f-]{36}$/);
    });

    test('V1: the revision grows with each write, and members and record are of one moment', async () => {
      const { one, two } = shared.pair();
      const before = await one.list(call());
      registered(await two.register(registration('n'), call()));
      const grant = held(await two.lock(lockOf('n'), call()));
      const record = recordOf(grant);
      expect(await two.unlock(grant, { ...call(), record })).toEqual({ kind: 'released' });
      const after = await one.list(call());
      expect(after.revision).toBeGreaterThan(before.revision ?? 0n);
      expect(after.record).toEqual({ kind: 'present', record });
      expect(after.store).toBe(before.store);
    });

    test('V5: foreign and damaged Leases are skipped, with a reason each, and hide nobody', async () => {
      const { cluster, one, two } = shared.pair();
      await one.register(registration('good'), call());
      const labels = { 'autocluster/cluster': cluster, 'autocluster/kind': 'member' };
      const entry = (node: string) =>
        JSON.stringify({ format: 1, node, instance: 'i', state: 'ready', metadata: {}, ttlMs: 1000 });
      const write = (
        node: string,
        annotations: object,
        spec: object = { holderIdentity: 'i', leaseDurationSeconds: 60 },
      ) => {
        const own = { 'autocluster/cluster': cluster, ...annotations };
        const metadata = { name: memberLease(cluster, node), labels, annotations: own };
        return must(shared.server, LEASES, { method: 'POST', body: { metadata, spec } });
      };
      await Promise.all([
        write('bare', {}),
        write('text', { 'autocluster/entry': 'hello' }),
        write('other', { 'autocluster/entry': entry('good') }),
        write('abroad', { 'autocluster/entry': entry('abroad'), 'autocluster/cluster': 'elsewhere' }),
        write('left', { 'autocluster/entry': entry('left') }, { holderIdentity: '', leaseDurationSeconds: 60 }),
        write('endless', { 'autocluster/entry': entry('endless') }, { holderIdentity: 'i' }),
      ]);
      const { members, skipped, complete } = await two.list(call());
      expect([members.map(({ node }) => node), complete]).toEqual([['good'], true]);
      const reasons = skipped.map(({ key, reason }) => [key.slice(memberLease(cluster, '').length), reason]);
      expect(Object.fromEntries(reasons)).toEqual({
        bare: 'it has no annotation autocluster/entry',
        text: 'not JSON',
        other: 'the entry is about another node than its Lease',
        abroad: 'it belongs to another cluster',
        left: 'its holder is not the instance that made the entry',
        endless: 'it does not say how long it lasts',
      });
    });

    test('more members than one page holds are all there, once', { timeout: 60_000 }, async () => {
      const { one, two } = shared.pair();
      const nodes = Array.from({ length: 510 }, (_, index) => `node-${index}`);
      for (let start = 0; start < nodes.length; start += 51) {
        await Promise.all(nodes.slice(start, start + 51).map((node) => one.register(registration(node), call())));
      }
      const { members } = await two.list(call());
      expect(new Set(members.map(({ node }) => node))).toEqual(new Set(nodes));
      expect(members).toHaveLength(510);
    });

    test('V3: a namespace that was made anew is another store', { timeout: 60_000 }, async () => {
      const namespace = 'renewed';
      const make = () =>
        shared.server.api('/api/v1/namespaces', { method: 'POST', body: { metadata: { name: namespace } } });
      await make();
      const { one } = shared.pair({ namespace, token: shared.server.adminToken });
      held(await one.lock(lockOf('n'), call()));
      const before = await one.list(call());
      expect((await one.list(call())).store).toBe(before.store);
      await must(shared.server, LEASES.replace('default', namespace), { method: 'DELETE' });
      await must(shared.server, `/api/v1/namespaces/${namespace}`, { method: 'DELETE' });
      // Nobody finalizes namespaces here but us.
      await must(shared.server, `/api/v1/namespaces/${namespace}/finalize`, {
        method: 'PUT',
        body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace }, spec: { finalizers: [] } },
      });
      await until('the namespace is made anew', async () => (await make()).status === 201);
      held(await one.lock(lockOf('n'), call()));
      expect((await one.list(call())).store).not.toBe(before.store);
    });

    test('a member that is silent is listed until it was silent for its duration before our eyes', async () => {
      const { cluster, one, two } = shared.pair();
      await one.register(registration('dead', { ttlMs: 1000 }), call());
      // By its own times it ended long ago; those are of another clock.
      await shared.change(memberLease(cluster, 'dead'), { spec: { renewTime: '2001-01-01T00:00:00.000000Z' } });
      expect((await two.list(call())).members).toHaveLength(1);
      await until('it is not listed any more', async () => (await two.list(call())).members.length === 0);
      expect(await shared.leases(cluster)).toEqual([memberLease(cluster, 'dead')]);
    });
  });
});
