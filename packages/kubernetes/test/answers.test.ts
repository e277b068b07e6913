import type { Backend, CallOptions } from '@autocluster/core/backend';
import { systemClock } from '@autocluster/core/runtime';
import { describe, expect, test } from 'vitest';
import { until } from '../../../test/servers/harness/index.js';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import { Interceptor } from './intercept.js';
import {
  busy,
  call,
  failure,
  held,
  lockOf,
  memberLease,
  recordOf,
  registered,
  registration,
  sharedServer,
} from './support.js';

const isWrite = ({ method }: { readonly method: string }): boolean => method !== 'GET';

serverSuite(['kube-apiserver', 'etcd'], 'kubernetes: answers', () => {
  const shared = sharedServer();

  /** Two clients of one cluster, the first of them behind something that answers in the API server's place. */
  async function behindProxy(): Promise<{ front: Interceptor; behind: Backend; direct: Backend; cluster: string }> {
    const front = shared.keep(await new Interceptor(shared.server).start());
    const { cluster, one: direct } = shared.pair();
    const { one: behind } = shared.pair({ cluster, server: front.url });
    return { front, behind, direct, cluster };
  }

  /** Such a request arrives, its answer does not. */
  async function lose(
    { front, behind }: { readonly front: Interceptor; readonly behind: Backend },
    method: 'POST' | 'PUT',
    work: (options: CallOptions) => Promise<unknown>,
  ): Promise<void> {
    front.dropAnswersOf = (asked) => asked.method === method;
    const error = await failure(work(call({ timeoutMs: 1000 })));
    expect(error).toMatchObject({ code: 'TIMEOUT', outcomeUnknown: true });
    front.dropAnswersOf = undefined;
    await until('the store is back', () => behind.list(call({ timeoutMs: 1000 })));
  }

  describe.concurrent('a reply that is lost', () => {
    test('register: the repeat finds its own entry', async () => {
      const { front, behind, direct } = await behindProxy();
      await behind.list(call());
      await lose({ front, behind }, 'POST', (options) => behind.register(registration('n'), options));
      registered(await behind.register(registration('n'), call()));
      expect((await direct.list(call())).members.map(({ instance }) => instance)).toEqual(['n-1']);
    });

    test('T1, L6: lock: the repeat of the attempt is held, another attempt busy', async () => {
      const { front, behind, direct } = await behindProxy();
      const request = lockOf('n');
      await lose({ front, behind }, 'PUT', (options) => behind.lock(request, options));
      expect(busy(await direct.lock(lockOf('n'), call())).holder).toBe('n');
      const grant = held(await behind.lock(request, call()));
      expect(await behind.unlock(grant, call())).toEqual({ kind: 'released' });
      held(await direct.lock(lockOf('m'), call()));
    });

    test('commit: the repeat is released, the record written once', async () => {
      const { front, behind, direct } = await behindProxy();
      const grant = held(await behind.lock(lockOf('n'), call()));
      const record = recordOf(grant);
      await lose({ front, behind }, 'PUT', (options) => behind.unlock(grant, { ...options, record }));
      expect(await behind.unlock(grant, { ...call(), record })).toEqual({ kind: 'released' });
      expect((await direct.list(call())).record).toEqual({ kind: 'present', record });
    });
  });

  describe.concurrent('409 Conflict', () => {
    test('is read again and written anew, whoever was faster', async () => {
      const { front, behind, direct } = await behindProxy();
      const first = registered(await behind.register(registration('n'), call()));
      // Somebody else has changed the Lease since we wrote it.
      await direct.register(registration('n', { metadata: { by: 'another client' } }), call());
      const renewed = registered(await behind.register({ ...registration('n'), held: first }, call()));
      expect(renewed.ref).toBe(first.ref);
      expect(front.count(({ method }) => method === 'PUT')).toBe(2);
    });

    test('again and again ends in an error that nothing was done', async () => {
      const { front, behind } = await behindProxy();
      const first = registered(await behind.register(registration('n'), call()));
      const request = lockOf('n');
      const grant = held(await behind.lock(request, call()));
      front.rule = ({ method }) =>
        method === 'PUT' ? { status: 409, message: 'the object has been modified' } : undefined;
      const errors = await Promise.all([
        failure(behind.register({ ...registration('n'), held: first }, call())),
        failure(behind.lock({ ...request, held: grant }, call())),
        failure(behind.unlock(grant, call())),
      ]);
      for (const error of errors)
        expect(error).toMatchObject({ code: 'STORE_FAILED', retryable: true, outcomeUnknown: false });
      expect(busy(await behind.lock(lockOf('m'), call())).holder).toBe('n');
    });
  });

  describe.concurrent('410 Gone', () => {
    test('in the middle of a list starts it anew: no half list', async () => {
      const { front, behind, direct } = await behindProxy();
      await direct.register(registration('n'), call());
      let pages = 0;
      front.rule = ({ url }) => {
        if (!url.searchParams.has('limit')) return undefined;
        pages += 1;
        return pages === 1 ? { status: 410, message: 'the provided continue parameter is too old' } : undefined;
      };
      expect((await behind.list(call())).members.map(({ node }) => node)).toEqual(['n']);
      expect(pages).toBe(2);
    });

    test('again means an error', async () => {
      const { front, behind } = await behindProxy();
      front.rule = ({ url }) => (url.searchParams.has('limit') ? { status: 410, message: 'too old' } : undefined);
      expect(await failure(behind.list(call()))).toMatchObject({ code: 'STORE_FAILED', retryable: true });
    });
  });

  describe.concurrent('429 Too Many Requests', () => {
    const tooMany = {
      status: 429,
      headers: { 'retry-after': '7' },
      message: 'too many requests, please try again later',
    };

    test('Retry-After: nobody asks before its end, but for renewals and releases', async () => {
      const { front, behind } = await behindProxy();
      const first = registered(await behind.register(registration('n'), call()));
      const request = lockOf('n');
      const grant = held(await behind.lock(request, call()));
      front.rule = () => tooMany;
      const told = { code: 'STORE_FAILED', retryable: true, outcomeUnknown: false, details: { retryAfterMs: 7000 } };
      expect(await failure(behind.list(call()))).toMatchObject(told);
      front.rule = () => undefined;
      const asked = front.asked.length;
      const left = await failure(behind.list(call()));
      expect(left).toMatchObject({ code: 'STORE_FAILED', retryable: true, outcomeUnknown: false });
      expect(left.details['retryAfterMs']).toBeLessThanOrEqual(7000);
      await failure(behind.register(registration('m'), call()));
      expect(front.count(isWrite)).toBe(front.asked.slice(0, asked).filter(isWrite).length);
      registered(await behind.register({ ...registration('n'), held: first }, call()));
      held(await behind.lock({ ...request, held: grant }, call()));
      expect(await behind.unlock(grant, call())).toEqual({ kind: 'released' });
    });

    test('after its end everything is asked again', async () => {
      const { front, behind } = await behindProxy();
      front.rule = () => tooMany;
      await failure(behind.list(call()));
      front.rule = () => undefined;
      const later = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + 7_001 };
      expect((await behind.list(call({ clock: later }))).complete).toBe(true);
    });

    test('without Retry-After it is an error that may be tried again', async () => {
      const { front, behind } = await behindProxy();
      front.rule = () => ({ status: 429, message: 'too many requests' });
      expect(await failure(behind.list(call()))).toMatchObject({ code: 'STORE_FAILED', retryable: true });
      front.rule = () => undefined;
      expect((await behind.list(call())).complete).toBe(true);
    });
  });

  describe.concurrent('others', () => {
    test('S36: an API server that cannot serve is an error, never an empty list', async () => {
      const { front, behind } = await behindProxy();
      for (const status of [500, 502, 503, 504]) {
        front.rule = () => ({ status, message: 'the server is currently unable to handle the request' });
        expect((await failure(behind.list(call()))).message).toContain('unable to handle the request');
      }
    });

    test('a read is asked three times at most, a write once', async () => {
      const { front, behind } = await behindProxy();
      front.rule = () => ({ status: 503, message: 'starting' });
      expect((await failure(behind.list(call()))).code).toBe('STORE_UNREACHABLE');
      expect(front.asked).toHaveLength(3);
      front.rule = ({ method }) => (method === 'GET' ? undefined : { status: 503, message: 'starting' });
      const error = await failure(behind.register(registration('n'), call()));
      expect(error).toMatchObject({ code: 'STORE_UNREACHABLE', outcomeUnknown: true });
      expect(front.count(isWrite)).toBe(1);
    });

    test('a 404 of something that is no API server is not "there is none"', async () => {
      const { front, behind, cluster } = await behindProxy();
      await behind.register(registration('n'), call());
      front.rawNotFound = true;
      expect((await failure(behind.register(registration('m'), call()))).code).toBe('STORE_FAILED');
      front.rawNotFound = false;
      expect(await shared.leases(cluster)).toEqual([memberLease(cluster, 'n')]);
    });

    test('a namespace that does not exist is an error, not an empty list', async () => {
      const { one } = shared.pair({ namespace: 'nowhere', token: shared.server.adminToken });
      const error = await failure(one.list(call()));
      expect(error).toMatchObject({ code: 'STORE_FAILED', retryable: true });
      expect(error.message).toContain('namespaces "nowhere" not found');
    });
  });
});
