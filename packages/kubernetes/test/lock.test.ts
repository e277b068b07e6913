import { describe, expect, test, vi } from 'vitest';
import { until } from '../../../test/servers/harness/index.js';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import { busy, call, formationLease, failure, held, lockOf, recordOf, sharedServer } from './support.js';

serverSuite(['kube-apiserver', 'etcd'], 'kubernetes: lock', () => {
  const shared = sharedServer();

  describe.concurrent('what is left behind', () => {
    test('busy changes nothing', async () => {
      const { cluster, one, two } = shared.pair();
      await one.lock(lockOf('a'), call());
      const before = await shared.lease(formationLease(cluster));
      expect(busy(await two.lock(lockOf('b'), call())).holder).toBe('a');
      expect(busy(await two.lock(lockOf('b'), call())).holder).toBe('a');
      expect(await shared.lease(formationLease(cluster))).toEqual(before);
      expect(await shared.leases(cluster)).toEqual([formationLease(cluster)]);
    });

    test('a released lock is a Lease that nobody holds, as client-go leaves it', async () => {
      const { cluster, one } = shared.pair();
      const grant = held(await one.lock(lockOf('a'), call()));
      expect((await shared.lease(formationLease(cluster))).spec).toMatchObject({
        holderIdentity: `a/${grant.attempt}`,
        leaseDurationSeconds: 10,
        leaseTransitions: 1,
      });
      await one.unlock(grant, call());
      expect((await shared.lease(formationLease(cluster))).spec).toMatchObject({
        holderIdentity: '',
        leaseDurationSeconds: 1,
        leaseTransitions: 1,
      });
    });
  });

  describe.concurrent('acquire', () => {
    test('a grant carries token, granted TTL and the record', async () => {
      const { one } = shared.pair();
      const request = lockOf('a', { ttlMs: 2500 });
      expect(held(await one.lock(request, call()))).toEqual({
        name: 'formation',
        attempt: request.attempt,
        token: expect.any(BigInt),
        ttlMs: 3000,
        ref: expect.any(String),
        record: { kind: 'absent' },
      });
      expect(held(await one.lock(lockOf('a', { name: 'cleanup' }), call())).record).toBeUndefined();
    });

    test('L1: of many who ask at once exactly one gets it', async () => {
      const { one, two } = shared.pair();
      const asked = Array.from({ length: 20 }, (_, index) => (index % 2 ? one : two).lock(lockOf(`n${index}`), call()));
      const outcomes = await Promise.all(asked);
      expect(outcomes.filter(({ kind }) => kind === 'held')).toHaveLength(1);
      expect(outcomes.filter(({ kind }) => kind === 'busy')).toHaveLength(19);
    });

    test('L12: a repeat of an attempt answers the same grant and extends it in that exchange', async () => {
      const { cluster, one, two } = shared.pair();
      const request = lockOf('a', { ttlMs: 3000 });
      const first = held(await one.lock(request, call()));
      const renewedAt = async () => (await shared.lease(formationLease(cluster))).spec['renewTime'];
      const before = await renewedAt();
      expect(held(await two.lock(request, call()))).toEqual(first);
      expect(String(await renewedAt()) > String(before)).toBe(true);
    });

    test('L8: another attempt of the same instance is busy', async () => {
      const { one } = shared.pair();
      const request = lockOf('a');
      await one.lock(request, call());
      expect(busy(await one.lock({ ...request, attempt: 'another' }, call())).holder).toBe('a');
      expect(busy(await one.lock({ ...request, instance: 'another' }, call())).holder).toBe('a');
    });

    test('locks with different names do not meet, nor do those of different clusters', async () => {
      const { one } = shared.pair();
      const { two } = shared.pair();
      const names = ['formation', 'cleanup', 'format', 'f'];
      const taken = await Promise.all(names.map((name) => one.lock(lockOf('a', { name }), call())));
      expect([...taken, await two.lock(lockOf('a'), call())].map(({ kind }) => kind)).toEqual(Array(5).fill('held'));
    });

    test('a name with a slash is refused', async () => {
      const { one } = shared.pair();
      expect(() => one.lock(lockOf('a', { name: 'a/b' }), call())).toThrow(/INVALID_OPTION: name/);
    });

    test('L2: tokens grow across release, deletion of the Lease, and expiry', async () => {
      const { cluster, one, two } = shared.pair();
      const tokens: bigint[] = [];
      const take = async (ttlMs = 10_000) => {
        const grant = await until('the lock', async () => {
          const outcome = await two.lock(lockOf('b', { ttlMs }), call());
          return outcome.kind === 'held' && outcome.grant;
        });
        tokens.push(grant.token);
        return grant;
      };
      await one.unlock(await take(), call());
      await take();
      await shared.remove(formationLease(cluster));
      await take(1000);
      await take();
      expect(tokens).toEqual([...new Set(tokens)].toSorted((a, b) => (a < b ? -1 : 1)));
      expect(tokens).toHaveLength(4);
    });
  });

  describe.concurrent('renew', () => {
    test('L13: a deleted Lease is lost at the next renewal, and stays deleted', async () => {
      const { cluster, one } = shared.pair();
      const request = lockOf('a');
      const grant = held(await one.lock(request, call()));
      await shared.remove(formationLease(cluster));
      expect(await one.lock({ ...request, held: grant }, call())).toEqual({ kind: 'lost' });
      expect(await shared.leases(cluster)).toEqual([]);
    });

    test('S30: a lock that an operator broke is lost, also when another holds it by now', async () => {
      const { cluster, one, two } = shared.pair();
      const request = lockOf('a');
      const grant = held(await one.lock(request, call()));
      await shared.change(formationLease(cluster), { spec: { holderIdentity: '' } });
      const other = held(await two.lock(lockOf('b'), call()));
      expect(await one.lock({ ...request, held: grant }, call())).toEqual({ kind: 'lost' });
      expect(await one.unlock(grant, call())).toEqual({ kind: 'lost' });
      expect(held(await two.lock({ ...lockOf('b'), held: other }, call())).token).toBe(other.token);
    });

    test('answers the record as it is now', async () => {
      const { cluster, one } = shared.pair();
      const request = lockOf('a');
      const grant = held(await one.lock(request, call()));
      await shared.change(formationLease(cluster), { metadata: { annotations: { 'autocluster/record': 'damaged' } } });
      const renewed = held(await one.lock({ ...request, held: grant }, call()));
      expect(renewed).toEqual({ ...grant, record: { kind: 'unreadable', reason: 'not JSON' } });
    });
  });

  describe.concurrent('unlock', () => {
    test('with the record is one write: nobody holds it, record there', async () => {
      const { cluster, one, two } = shared.pair();
      const grant = held(await one.lock(lockOf('a'), call()));
      const record = recordOf(grant);
      const before = Number((await shared.lease(formationLease(cluster))).metadata.resourceVersion);
      expect(await one.unlock(grant, { ...call(), record })).toEqual({ kind: 'released' });
      const { metadata, spec } = await shared.lease(formationLease(cluster));
      expect(spec['holderIdentity']).toBe('');
      expect(metadata.annotations?.['autocluster/record']).toContain(record.clusterId);
      expect(Number(metadata.resourceVersion)).toBeGreaterThan(before);
      expect(held(await two.lock(lockOf('b'), call())).record).toEqual({ kind: 'present', record });
    });

    test('a commit that is repeated after a lost answer is released, also after others held the lock', async () => {
      const { one, two } = shared.pair();
      const grant = held(await one.lock(lockOf('a'), call()));
      const record = recordOf(grant);
      await one.unlock(grant, { ...call(), record });
      held(await two.lock(lockOf('b'), call()));
      expect(await one.unlock(grant, { ...call(), record })).toEqual({ kind: 'released' });
    });

    test('without the lock nothing is committed: lost', async () => {
      const { cluster, one, two } = shared.pair();
      const grant = held(await one.lock(lockOf('a'), call()));
      await shared.remove(formationLease(cluster));
      expect(await one.unlock(grant, { ...call(), record: recordOf(grant) })).toEqual({ kind: 'lost' });
      expect((await two.list(call())).record).toEqual({ kind: 'absent' });
      const later = held(await two.lock(lockOf('b'), call()));
      const committed = recordOf(later);
      await two.unlock(later, { ...call(), record: committed });
      expect(await one.unlock(grant, { ...call(), record: recordOf(grant) })).toEqual({ kind: 'lost' });
      expect((await one.list(call())).record).toEqual({ kind: 'present', record: committed });
    });

    test('L7: never releases a newer grant, and a second release is lost', async () => {
      const { one, two } = shared.pair();
      const first = held(await one.lock(lockOf('a'), call()));
      expect(await one.unlock(first, call())).toEqual({ kind: 'released' });
      const second = held(await two.lock(lockOf('b'), call()));
      expect(await one.unlock(first, call())).toEqual({ kind: 'lost' });
      expect(held(await two.lock({ ...lockOf('b'), held: second }, call())).token).toBe(second.token);
    });

    test('a record under another lock is unsupported, and the lock stays', async () => {
      const { one } = shared.pair();
      const request = lockOf('a', { name: 'cleanup' });
      const grant = held(await one.lock(request, call()));
      const error = await failure(one.unlock(grant, { ...call(), record: recordOf(grant) }));
      expect(error).toMatchObject({ code: 'UNSUPPORTED', retryable: false, outcomeUnknown: false });
      held(await one.lock({ ...request, held: grant }, call()));
    });
  });

  describe.concurrent('released', () => {
    test('settles soon after the release', async () => {
      const { one, two } = shared.pair();
      const grant = held(await one.lock(lockOf('a'), call()));
      const { released } = busy(await two.lock(lockOf('b'), call()));
      const settled = vi.fn<() => void>();
      const waiting = released?.(new AbortController().signal).finally(settled);
      await two.list(call());
      expect(settled).not.toHaveBeenCalled();
      await one.unlock(grant, call());
      await waiting;
      held(await two.lock(lockOf('b'), call()));
    });

    test('settles when the holder was gone before it was asked for, and when aborted', async () => {
      const { one, two } = shared.pair();
      const grant = held(await one.lock(lockOf('a'), call()));
      const first = busy(await two.lock(lockOf('b'), call()));
      const controller = new AbortController();
      const aborted = first.released?.(controller.signal);
      controller.abort();
      await expect(aborted).resolves.toBeUndefined();
      await one.unlock(grant, call());
      await expect(first.released?.(new AbortController().signal)).resolves.toBeUndefined();
    });

    test('settles when the backend is closed', async () => {
      const { one, two } = shared.pair();
      held(await one.lock(lockOf('a'), call()));
      const waiting = busy(await two.lock(lockOf('b'), call())).released?.(new AbortController().signal);
      await two.close();
      await expect(waiting).resolves.toBeUndefined();
    });
  });
});
