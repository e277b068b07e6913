import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Backend, CallOptions, LockRequest } from '@autocluster/core/backend';
import { describe, expect, test } from 'vitest';
import { faultsOfEachVerb, type Verb } from '../../../test/backends/verb-faults.js';
import { type FaultProxy, faultProxy, startConsul, until } from '../../../test/servers/harness/index.js';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import { recording } from './recorder.js';
import { busy, call, failure, held, lockOf, recordOf, registered, registration, sharedServer } from './support.js';

// What still waits for its session, or looks before it removes, has not happened.
const UNKNOWN: ReadonlySet<Verb> = new Set(['renew', 'hold', 'unlock', 'commit']);

serverSuite(['consul'], 'consul: faults', () => {
  const shared = sharedServer();

  /** Two clients of one cluster, the first of them behind a proxy. */
  async function behindProxy(): Promise<{ proxy: FaultProxy; behind: Backend; direct: Backend; cluster: string }> {
    const proxy = shared.keep(await faultProxy(shared.server.httpAddress));
    const { cluster, one: direct } = shared.pair();
    const { one: behind } = shared.pair({ cluster, hosts: proxy.endpoint });
    return { proxy, behind, direct, cluster };
  }

  faultsOfEachVerb(behindProxy, UNKNOWN);

  describe.concurrent('a reply that is lost', () => {
    test('unregister: an entry that is gone by then is not denied', async () => {
      const recorder = shared.keep(await recording(shared.server.httpAddress));
      const { one, cluster } = shared.pair({ hosts: recorder.url });
      const { one: direct } = shared.pair({ cluster });
      const first = registered(await one.register(registration('n'), call()));
      let isDestroyed = false;
      recorder.answer = ({ url }) => {
        if (isDestroyed) return { status: 500, text: 'No cluster leader' };
        isDestroyed = url.startsWith('/v1/session/destroy/');
        return undefined;
      };
      const error = await failure(one.unregister(first, call({ timeoutMs: 3000 })));
      expect(error).toMatchObject({ retryable: true, outcomeUnknown: true });
      expect((await direct.list(call())).members).toEqual([]);
    });

    test('unregister: an entry that went although its service did not is not denied', async () => {
      const recorder = shared.keep(await recording(shared.server.httpAddress));
      const { one, cluster } = shared.pair({ hosts: recorder.url });
      const { one: direct } = shared.pair({ cluster });
      const first = registered(await one.register(registration('n'), call()));
      recorder.answer = ({ url }) =>
        url.startsWith('/v1/agent/service/') ? { status: 403, text: 'Permission denied' } : undefined;
      expect(await failure(one.unregister(first, call()))).toMatchObject({
        code: 'STORE_FORBIDDEN',
        outcomeUnknown: true,
      });
      expect((await direct.list(call())).members).toEqual([]);
    });

    test('unregister: of two failures the first is told', async () => {
      const recorder = shared.keep(await recording(shared.server.httpAddress));
      const { one } = shared.pair({ hosts: recorder.url });
      const first = registered(await one.register(registration('n'), call()));
      recorder.answer = ({ url }) => {
        if (url.startsWith('/v1/agent/service/')) return { status: 403, text: 'Permission denied' };
        return url.startsWith('/v1/session/destroy/') ? { status: 500, text: 'No cluster leader' } : undefined;
      };
      const error = await failure(one.unregister(first, call({ timeoutMs: 1000 })));
      expect(error).toMatchObject({ code: 'STORE_FORBIDDEN', outcomeUnknown: false });
    });

    /** What a renewal fails with, when questions to these paths are answered like this. */
    async function spoiltRenewal(verb: 'lock' | 'register', path: string, answer: { status: number; text: string }) {
      const recorder = shared.keep(await recording(shared.server.httpAddress));
      const { one } = shared.pair({ hosts: recorder.url });
      const request = lockOf('n');
      const grant = held(await one.lock(request, call()));
      const first = registered(await one.register(registration('n'), call()));
      recorder.answer = ({ url }) => (url.startsWith(path) ? answer : undefined);
      if (verb === 'lock') return failure(one.lock({ ...request, held: grant }, call()));
      return failure(one.register({ ...registration('n'), held: first }, call()));
    }

    test.each(['lock', 'register'] as const)('%s: a renewal is not denied when only its read fails', async (verb) => {
      const error = await spoiltRenewal(verb, '/v1/txn', { status: 403, text: 'Permission denied' });
      expect(error).toMatchObject({ code: 'STORE_FORBIDDEN', outcomeUnknown: true });
    });

    test.each(['lock', 'register'] as const)('%s: a gateway that knows no agent ends no session', async (verb) => {
      const error = await spoiltRenewal(verb, '/v1/session/renew/', { status: 404, text: '404 page not found' });
      expect(error).toMatchObject({ code: 'STORE_FAILED', retryable: true });
    });

    test('commit: a gateway that loses the answer does not deny it', async () => {
      const recorder = shared.keep(await recording(shared.server.httpAddress));
      const { one, cluster } = shared.pair({ hosts: recorder.url });
      const { one: direct } = shared.pair({ cluster });
      const grant = held(await one.lock(lockOf('n'), call()));
      const record = recordOf(grant);
      recorder.answerAfter = ({ url }) =>
        url.startsWith('/v1/txn') ? { status: 503, text: 'upstream connect error or disconnect/reset' } : undefined;
      expect(await failure(one.unlock(grant, { ...call(), record }))).toMatchObject({
        code: 'STORE_UNREACHABLE',
        retryable: true,
        outcomeUnknown: true,
      });
      expect((await direct.list(call())).record).toEqual({ kind: 'present', record });
    });

    test('register: the repeat finds its own entry', async () => {
      const { proxy, behind, direct } = await behindProxy();
      await behind.list(call());
      await lose(proxy, behind, (options) => behind.register(registration('n'), options));
      registered(await behind.register(registration('n'), call()));
      expect((await direct.list(call())).members.map(({ instance }) => instance)).toEqual(['n-1']);
    });

    test('T1, L6: lock: the repeat of the attempt is held, another attempt busy', async () => {
      const { proxy, behind, direct, cluster } = await behindProxy();
      await behind.list(call());
      const request = lockOf('n');
      await loseTransaction(proxy, behind, cluster, request);
      expect(busy(await direct.lock(lockOf('n'), call())).holder).toBe('n');
      const grant = held(await behind.lock(request, call()));
      expect(await behind.unlock(grant, call())).toEqual({ kind: 'released' });
      held(await direct.lock(lockOf('m'), call()));
    });

    test('S33: lock: given up, its session ends by itself', { timeout: 60_000 }, async () => {
      const { proxy, behind, direct, cluster } = await behindProxy();
      await behind.list(call());
      await loseTransaction(proxy, behind, cluster, lockOf('n'));
      const tried = async () => {
        const outcome = await direct.lock(lockOf('m'), call());
        return outcome.kind === 'held' && outcome;
      };
      const outcome = await until('the lock', tried, { withinMs: 30_000, everyMs: 500 });
      expect(await shared.consul.sessionsOf(cluster)).toHaveLength(1);
      expect(held(outcome).token).toBeGreaterThan(0n);
    });

    test('commit: the repeat is released, the record written once', async () => {
      const { proxy, behind, direct, cluster } = await behindProxy();
      const grant = held(await behind.lock(lockOf('n'), call()));
      const record = recordOf(grant);
      await lose(proxy, behind, (options) => behind.unlock(grant, { ...options, record }));
      expect(await behind.unlock(grant, { ...call(), record })).toEqual({ kind: 'released' });
      expect((await direct.list(call())).record).toEqual({ kind: 'present', record });
      expect(await shared.consul.sessionsOf(cluster)).toEqual([]);
    });
  });

  test('S22: Consul restarts with its data: calls fail for a while, then everything goes on with the same grant', {
    timeout: 60_000,
  }, async () => {
    const own = await startConsul({ mode: 'server' });
    try {
      const { one } = shared.pair({ hosts: own.httpAddress });
      const first = registered(await one.register(registration('n', { ttlMs: 30_000 }), call()));
      const request = lockOf('n', { ttlMs: 30_000 });
      const grant = held(await one.lock(request, call()));
      await own.kill();
      expect((await failure(one.list(call()))).code).toBe('STORE_UNREACHABLE');
      // Also where there is no time to ask again: what is known of the failure is told.
      expect((await failure(one.list({ ...call(), timeoutMs: 150 }))).code).toBe('STORE_UNREACHABLE');
      await own.restart();
      const renewed = await until('a renewal', () => one.lock({ ...request, held: grant }, call()));
      expect(held(renewed).token).toBe(grant.token);
      expect(registered(await one.register({ ...registration('n'), held: first }, call())).ref).toBe(first.ref);
      await one.unlock(grant, call());
      expect(held(await one.lock(lockOf('m'), call())).token).toBeGreaterThan(grant.token);
      await one.close();
    } finally {
      await own.stop();
    }
  });

  test('what answers but is no Consul is an error, not an empty list', async () => {
    const answers = [200, 404, 500].map((status) =>
      createServer((_, response) => response.writeHead(status, { 'content-type': 'text/html' }).end('hello')),
    );
    for (const web of answers) {
      await once(web.listen(0, '127.0.0.1'), 'listening');
      const address = web.address();
      const port = typeof address === 'object' ? address?.port : undefined;
      const { one } = shared.pair({ hosts: `http://127.0.0.1:${port}` });
      expect((await failure(one.list(call()))).code).toBe('STORE_FAILED');
      await one.close();
      web.closeAllConnections();
      web.close();
    }
  });

  /** The request arrives, its answer does not. */
  async function lose(
    proxy: FaultProxy,
    behind: Backend,
    work: (options: CallOptions) => Promise<unknown>,
  ): Promise<void> {
    proxy.dropReplies();
    const error = await failure(work(call({ timeoutMs: 500 })));
    expect(error.code).toBe('TIMEOUT');
    proxy.passReplies();
    await until('the store is back', () => behind.list(call({ timeoutMs: 1000 })));
  }

  /** The session is made; then the transaction arrives, and its answer does not. */
  async function loseTransaction(proxy: FaultProxy, behind: Backend, cluster: string, request: LockRequest) {
    proxy.delayMs = 400;
    const work = failure(behind.lock(request, call({ timeoutMs: 2500 })));
    const written = async () => (await shared.consul.keys(`autocluster/${cluster}/locks/`)).length === 1;
    await until('the key is written', written, { everyMs: 1 });
    proxy.dropReplies();
    proxy.delayMs = 0;
    expect(await work).toMatchObject({ code: 'TIMEOUT', outcomeUnknown: true });
    proxy.passReplies();
    await until('the store is back', () => behind.list(call({ timeoutMs: 1000 })));
  }
});
