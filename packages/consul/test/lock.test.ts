import { describe, expect, test, vi } from 'vitest';
import { until } from '../../../test/servers/harness/index.js';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import { busy, call, failure, held, lockOf, recordOf, registered, registration, sharedServer } from './support.js';

serverSuite(['consul'], 'consul: lock', () => {
  const shared = sharedServer();

  describe.concurrent('what is left behind', () => {
    test('S34: busy leaves neither key nor session; the end of a lock neither', async () => {
      const { cluster, one, two } = shared.pair();
      const grant = held(await one.lock(lockOf('a'), call()));
      expect(busy(await two.lock(lockOf('b'), call())).holder).toBe('a');
      expect(busy(await two.lock(lockOf('b'), call())).holder).toBe('a');
      expect(await shared.consul.keys(`autocluster/${cluster}/`)).toEqual([
        `autocluster/${cluster}/locks/formation/.lock`,
      ]);
      expect(await shared.consul.sessionsOf(cluster)).toHaveLength(1);
      await one.unlock(grant, call());
      expect(await shared.consul.keys(`autocluster/${cluster}/`)).toEqual([]);
      expect(await shared.consul.sessionsOf(cluster)).toEqual([]);
    });

    test('a busy lock that is asked for again costs the store no write', async () => {
      const { cluster, one, two } = shared.pair();
      await one.lock(lockOf('a'), call());
      await two.lock(lockOf('b'), call());
      const before = await shared.consul.written(cluster);
      for (let round = 0; round < 5; round += 1) busy(await two.lock(lockOf('b'), call()));
      expect(await shared.consul.written(cluster)).toBe(before);
    });

    test('renewals of lock and registration cost the store no write', async () => {
      const { cluster, one } = shared.pair();
      const request = registration('a', { state: 'ready', recordVersion: 1, metadata: { z: '1', a: '2' } });
      const first = registered(await one.register(request, call()));
      const grant = held(await one.lock(lockOf('a'), call()));
      const before = await shared.consul.written(cluster);
      for (let round = 0; round < 10; round += 1) {
        await one.register({ ...request, held: first }, call());
        held(await one.lock({ ...lockOf('a'), held: grant }, call()));
      }
      expect(await shared.consul.written(cluster)).toBe(before);
    });

    test('S34: a session has no checks, no lock-delay, and says whose it is', async () => {
      const { cluster, one } = shared.pair();
      registered(await one.register(registration('a'), call()));
      held(await one.lock(lockOf('a'), call()));
      const sessions = await shared.consul.sessionsOf(cluster);
      const common = { LockDelay: 0, TTL: '10s', NodeChecks: [], ServiceChecks: null };
      expect(sessions).toHaveLength(2);
      expect(sessions).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ ...common, Behavior: 'delete', Name: `autocluster/${cluster}/state/members/a` }),
          expect.objectContaining({
            ...common,
            Behavior: 'release',
            Name: `autocluster/${cluster}/locks/formation/.lock: a`,
          }),
        ]),
      );
    });
  });

  describe.concurrent('acquire', () => {
    test('a grant carries token, granted TTL and the record', async () => {
      const { one } = shared.pair();
      const request = lockOf('a', { ttlMs: 10_500 });
      expect(held(await one.lock(request, call()))).toEqual({
        name: 'formation',
        attempt: request.attempt,
        token: expect.any(BigInt),
        ttlMs: 11_000,
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

    test('L12: a repeat of an attempt answers the same grant, by one session', async () => {
      const { cluster, one, two } = shared.pair();
      const request = lockOf('a');
      const first = held(await one.lock(request, call()));
      expect(held(await two.lock(request, call()))).toEqual(first);
      expect(await shared.consul.sessionsOf(cluster)).toHaveLength(1);
    });

    test('S30: a repeat extends the grant that it reports, and a renewal as well', { timeout: 60_000 }, async () => {
      const { one, two } = shared.pair();
      const request = lockOf('a');
      const first = held(await one.lock(request, call()));
      const beganMs = performance.now();
      let rounds = 0;
      // Twice the TTL and more: a session that nobody renews has ended by then.
      while (performance.now() - beganMs < 25_000) {
        const repeated = rounds % 2 === 0 ? request : { ...request, held: first };
        expect(held(await one.lock(repeated, call()))).toEqual(first);
        rounds += 1;
        const waiting = busy(await two.lock(lockOf('b'), call()));
        await waiting.released?.(AbortSignal.timeout(4000));
      }
      expect(rounds).toBeGreaterThan(3);
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

    test('L2: tokens grow across release, deletion of the key, and expiry', { timeout: 60_000 }, async () => {
      const { cluster, one, two } = shared.pair();
      const tokens: bigint[] = [];
      const take = async () => {
        const tried = async () => {
          const outcome = await two.lock(lockOf('b'), call());
          return outcome.kind === 'held' && outcome.grant;
        };
        const grant = await until('the lock', tried, { withinMs: 30_000, everyMs: 200 });
        tokens.push(grant.token);
        return grant;
      };
      await one.unlock(await take(), call());
      await take();
      await removeLock(cluster);
      await take();
      await take();
      expect(tokens).toEqual([...new Set(tokens)].toSorted((a, b) => (a < b ? -1 : 1)));
      expect(tokens).toHaveLength(4);
    });
  });

  describe.concurrent('renew', () => {
    test('L13: a deleted key is lost at the next renewal, although the session lives', async () => {
      const { cluster, one } = shared.pair();
      const request = lockOf('a');
      const grant = held(await one.lock(request, call()));
      await removeLock(cluster);
      expect(await shared.consul.session(grant.ref)).toBeDefined();
      expect(await one.lock({ ...request, held: grant }, call())).toEqual({ kind: 'lost' });
    });

    test('S30: a destroyed session is lost, also when another holds the lock by now', async () => {
      const { one, two } = shared.pair();
      const request = lockOf('a');
      const grant = held(await one.lock(request, call()));
      await shared.consul.destroy(grant.ref);
      const other = held(await two.lock(lockOf('b'), call()));
      expect(await one.lock({ ...request, held: grant }, call())).toEqual({ kind: 'lost' });
      expect(await one.unlock(grant, call())).toEqual({ kind: 'lost' });
      expect(held(await two.lock({ ...lockOf('b'), held: other }, call())).token).toBe(other.token);
    });

    test('answers the record as it is now', async () => {
      const { cluster, one } = shared.pair();
      const request = lockOf('a');
      const grant = held(await one.lock(request, call()));
      await shared.consul.put(`autocluster/${cluster}/state/record`, 'damaged');
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
      expect(await shared.consul.keys(`autocluster/${cluster}/`)).toEqual([`autocluster/${cluster}/state/record`]);
      expect(await shared.consul.sessionsOf(cluster)).toEqual([]);
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

  const removeLock = (cluster: string) => shared.consul.remove(`autocluster/${cluster}/locks/formation/.lock`);
});
