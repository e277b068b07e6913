import { describe, expect, test } from 'vitest';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import { call, held, lockOf, recordOf, registered, registration, sharedServer } from './support.js';

serverSuite(['consul'], 'consul: list', () => {
  const shared = sharedServer();

  describe.concurrent('list', () => {
    test('S5: an empty namespace is an empty complete list', async () => {
      const { one } = shared.pair();
      const list = await one.list(call());
      expect(list).toMatchObject({ members: [], record: { kind: 'absent' }, complete: true, skipped: [] });
      expect(list.revision).toBeGreaterThan(0n);
      expect(list.store).toMatch(/^[0-9a-f-]+\.consul$/);
    });

    test('S32: prefix and cluster name separate', async () => {
      const { cluster, one } = shared.pair();
      const { two } = shared.pair({ cluster, prefix: 'another/place', serviceId: 'elsewhere' });
      const { two: three } = shared.pair();
      await one.register(registration('n'), call());
      await two.register(registration('n', { instance: 'elsewhere' }), call());
      expect((await one.list(call())).members).toHaveLength(1);
      expect((await two.list(call())).members[0]?.instance).toBe('elsewhere');
      expect((await three.list(call())).members).toEqual([]);
      expect(await shared.consul.keys(`another/place/${cluster}/state/members/`)).toHaveLength(1);
    });

    test('a cluster name that starts like another one is another one', async () => {
      const { cluster, one } = shared.pair();
      const { two } = shared.pair({ cluster: `${cluster}0` });
      await two.register(registration('n'), call());
      expect((await one.list(call())).members).toEqual([]);
    });

    test('V5: foreign, damaged and huge values are skipped, with a reason each', async () => {
      const { cluster, one, two } = shared.pair();
      await one.register(registration('good'), call());
      const members = `autocluster/${cluster}/state/members/`;
      const json = (node: string) => JSON.stringify({ format: 1, node, instance: 'i', state: 'ready', metadata: {} });
      await Promise.all([
        shared.consul.put(`${members}text`, 'hello'),
        shared.consul.put(`${members}number`, '-1'),
        shared.consul.put(`${members}other`, json('good')),
        shared.consul.put(`${members}future`, JSON.stringify({ format: 9 })),
        shared.consul.put(`${members}deep/er`, json('deep/er')),
        shared.consul.put(`${members}no-session`, json('no-session')),
        shared.consul.put(`${members}ttl`, JSON.stringify({ ...JSON.parse(json('ttl')), ttlMs: -1e300 })),
        shared.consul.put(`${members}big`, 'x'.repeat(500_000)),
      ]);
      const { skipped, ...list } = await two.list(call());
      expect(list.members.map(({ node }) => node)).toEqual(['good']);
      expect(list.complete).toBe(true);
      const reasons = Object.fromEntries(skipped.map(({ key, reason }) => [key.slice(members.length), reason]));
      expect(reasons).toEqual({
        text: 'not JSON',
        number: 'not a JSON object',
        other: 'the entry is about another node than its key',
        future: 'format 9 is not 1',
        'deep/er': 'the key is not that of a node',
        'no-session': 'nothing keeps the entry alive: it has no session',
        ttl: 'ttlMs is not a count',
        big: expect.stringContaining('longer than'),
      });
    });

    test('many members are all there, once', { timeout: 60_000 }, async () => {
      const { one, two } = shared.pair();
      const nodes = Array.from({ length: 100 }, (_, index) => `node-${index}`);
      for (let start = 0; start < nodes.length; start += 20) {
        await Promise.all(
          nodes.slice(start, start + 20).map((node) => one.register(registration(node, { ttlMs: 60_000 }), call())),
        );
      }
      const { members } = await two.list(call());
      expect(members).toHaveLength(100);
      expect(new Set(members.map(({ node }) => node))).toEqual(new Set(nodes));
    });

    test('an entry that changed is read anew, one that went is gone', async () => {
      const { one, two } = shared.pair();
      const a = registered(await one.register(registration('a'), call()));
      const b = registered(await one.register(registration('b'), call()));
      const states = async () => (await two.list(call())).members.map(({ node, state }) => `${node} ${state}`);
      expect(await states()).toEqual(['a joining', 'b joining']);
      await one.register({ ...registration('a', { state: 'ready' }), held: a }, call());
      expect(await states()).toEqual(['a ready', 'b joining']);
      await one.unregister(b, call());
      expect(await states()).toEqual(['a ready']);
    });

    test('an unreadable record is unreadable, never absent', async () => {
      const { cluster, one } = shared.pair();
      await shared.consul.put(`autocluster/${cluster}/state/record`, '{"format":99}');
      const unreadable = { kind: 'unreadable', reason: expect.any(String) };
      expect((await one.list(call())).record).toEqual(unreadable);
      expect(await one.register(registration('n'), call())).toMatchObject({ kind: 'registered', record: unreadable });
      expect(held(await one.lock(lockOf('n'), call())).record).toEqual(unreadable);
    });

    test('V1: the revision grows with each write, and members and record are of one moment', async () => {
      const { one, two } = shared.pair();
      const before = await one.list(call());
      await two.register(registration('n'), call());
      const grant = held(await two.lock(lockOf('n'), call()));
      const record = recordOf(grant);
      await two.unlock(grant, { ...call(), record });
      const after = await one.list(call());
      expect(after.revision).toBeGreaterThan(before.revision ?? 0n);
      expect(after.record).toEqual({ kind: 'present', record });
      expect(after.store).toBe(before.store);
    });

    test('V6: fields of a newer version survive a rewrite', async () => {
      const { cluster, one } = shared.pair();
      const grant = held(await one.lock(lockOf('n'), call()));
      const record = recordOf(grant, { extra: { colour: 'blue' } });
      await one.unlock(grant, { ...call(), record });
      const stored = await shared.consul.value(`autocluster/${cluster}/state/record`);
      expect(JSON.parse(stored ?? '')).toMatchObject({ colour: 'blue', token: grant.token.toString() });
    });
  });
});
