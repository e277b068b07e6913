import { describe, expect, test, vi } from 'vitest';
import { until } from '../../../test/servers/harness/index.js';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import { busy, call, failure, held, lockOf, recordOf, sharedServer } from './support.js';

serverSuite(['etcd', 'etcdctl'], 'etcd: lock', () => {
  const shared = sharedServer();

  /** Lease lists are those of the whole server, so these cases come one by one, before the concurrent ones. */
  describe('what is left behind', () => {
    test('busy leaves neither key nor lease', async () => {
      const { cluster, one, two } = shared.pair();
      const grant = held(await one.lock(lockOf('a'), call()));
      const leases = await shared.leases();
      expect(busy(await two.lock(lockOf('b'), call())).holder).toBe('a');
      expect(busy(await two.lock(lockOf('b'), call())).holder).toBe('a');
      expect(await shared.keys(`/autocluster/${cluster}/`)).toHaveLength(1);
      expect(await shared.leases()).toBe(leases);
      await one.unlock(grant, call());
      expect(await shared.keys(`/autocluster/${cluster}/`)).toEqual([]);
      expect(await shared.leases()).toBe(leases - 1);
    });

    test('a busy lock that is asked for again costs the store no write', async () => {
      const { one, two } = shared.pair();
      await one.lock(lockOf('a'), call());
      await two.lock(lockOf('b'), call());
      const before = await shared.proposals();
      for (let round = 0; round < 5; round += 1) busy(await two.lock(lockOf('b'), call()));
      expect(await shared.proposals()).toBe(before);
    });

    test('renewals of lock and registration cost the store no write', async () => {
      const { one } = shared.pair();
      const request = { node: 'a', instance: 'a-1', state: 'ready', identity: undefined, recordVersion: 1 } as const;
      const first = await one.register({ ...request, metadata: { z: '1', a: '2' }, ttlMs: 10_000 }, call());
      if (first.kind !== 'registered') throw new Error('not registered');
      const grant = held(await one.lock(lockOf('a'), call()));
      const before = await shared.proposals();
      const { revision } = await one.list(call());
      for (let round = 0; round < 10; round += 1) {
        await one.register(
          { ...request, metadata: { z: '1', a: '2' }, ttlMs: 10_000, held: first.registration },
          call(),
        );
        held(await one.lock({ ...lockOf('a'), held: grant }, call()));
      }
      expect((await one.list(call())).revision).toBe(revision);
      expect(await shared.proposals()).toBe(before);
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
      await until('two thirds of the TTL are over', async () => (await timeToLive(first.ref)) <= 1);
      expect(held(await two.lock(request, call()))).toEqual(first);
      expect(await timeToLive(first.ref)).toBeGreaterThanOrEqual(2);
      expect(await shared.keys(`/autocluster/${cluster}/`)).toHaveLength(1);
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

    test('L2: tokens grow across release, deletion of the key, and expiry', async () => {
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
      await removeLock(cluster);
      await take(2000);
      await take();
      expect(tokens).toEqual([...new Set(tokens)].toSorted((a, b) => (a < b ? -1 : 1)));
      expect(tokens).toHaveLength(4);
    });
  });

  describe.concurrent('renew', () => {
    test('L13: a deleted key is lost at the next renewal, although the lease lives', async () => {
      const { cluster, one } = shared.pair();
      const request = lockOf('a');
      const grant = held(await one.lock(request, call()));
      await removeLock(cluster);
      expect(await timeToLive(grant.ref)).toBeGreaterThan(0);
      expect(await one.lock({ ...request, held: grant }, call())).toEqual({ kind: 'lost' });
    });

    test('S30: a revoked lease is lost, also when another holds the lock by now', async () => {
      const { one, two } = shared.pair();
      const request = lockOf('a');
      const grant = held(await one.lock(request, call()));
      await shared.server.etcdctl(['lease', 'revoke', grant.ref]);
      const other = held(await two.lock(lockOf('b'), call()));
      expect(await one.lock({ ...request, held: grant }, call())).toEqual({ kind: 'lost' });
      expect(await one.unlock(grant, call())).toEqual({ kind: 'lost' });
      expect(held(await two.lock({ ...lockOf('b'), held: other }, call())).token).toBe(other.token);
    });

    test('answers the record as it is now', async () => {
      const { cluster, one } = shared.pair();
      const request = lockOf('a');
      const grant = held(await one.lock(request, call()));
      await shared.put(`/autocluster/${cluster}/record`, 'damaged');
      const renewed = held(await one.lock({ ...request, held: grant }, call()));
      expect(renewed).toEqual({ ...grant, record: { kind: 'unreadable', reason: 'not JSON' } });
    });
  });

  describe.concurrent('unlock', () => {
    test('with the record is one write: key gone, record there', async () => {
      const { cluster, one, two } = shared.pair();
      const grant = held(await one.lock(lockOf('a'), call()));
      const record = recordOf(grant);
      expect(await one.unlock(grant, { ...call(), record })).toEqual({ kind: 'released' });
      expect(await shared.keys(`/autocluster/${cluster}/`)).toEqual([`/autocluster/${cluster}/record`]);
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
      await removeLock(cluster);
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

  describe.concurrent('together with `etcdctl lock`', () => {
    test('an operator who holds formation keeps us out until the end', async () => {
      const { cluster, one } = shared.pair();
      const operator = shared.server.spawnEtcdctl(['lock', `/autocluster/${cluster}/locks/formation`]);
      await operator.seen(/locks\/formation\/[0-9a-f]+/);
      const waiting = busy(await one.lock(lockOf('a'), call()));
      expect(waiting.holder).toBeUndefined();
      operator.kill('SIGINT');
      await waiting.released?.(new AbortController().signal);
      held(await one.lock(lockOf('a'), call()));
      await operator.exited;
    });

    test('an operator waits for us, and then comes first', async () => {
      const { cluster, one, two } = shared.pair();
      const place = `/autocluster/${cluster}/locks/formation`;
      const grant = held(await one.lock(lockOf('a'), call()));
      const operator = shared.server.spawnEtcdctl(['lock', place]);
      await until('the operator is in the queue', async () => (await shared.keys(place)).length === 2);
      expect(busy(await two.lock(lockOf('b'), call())).holder).toBe('a');
      held(await one.lock({ ...lockOf('a'), held: grant }, call()));
      expect(operator.stdout()).toBe('');
      await one.unlock(grant, call());
      expect(busy(await two.lock(lockOf('b'), call())).holder).toBeUndefined();
      await operator.seen(/locks\/formation\/[0-9a-f]+/);
      operator.kill('SIGINT');
      await operator.exited;
      held(
        await until('free', async () => {
          const outcome = await two.lock(lockOf('b'), call());
          return outcome.kind === 'held' && outcome;
        }),
      );
    });
  });

  const removeLock = (cluster: string) =>
    shared.server.etcdctl(['del', '--prefix', `/autocluster/${cluster}/locks/formation/`]);
  const timeToLive = async (ref: string): Promise<number> => {
    const { stdout } = await shared.server.etcdctl(['lease', 'timetolive', ref]);
    return Number(/remaining\((-?\d+)s\)/.exec(stdout)?.[1] ?? -1);
  };
});
