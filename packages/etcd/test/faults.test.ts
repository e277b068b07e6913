import { once } from 'node:events';
import { createServer } from 'node:http';
import { type Backend, type CallOptions, isClusterError, type LockRequest } from '@autocluster/core/backend';
import { describe, expect, test } from 'vitest';
import { faultsOfEachVerb, type Verb } from '../../../test/backends/verb-faults.js';
import { type FaultProxy, faultProxy, startEtcd, until } from '../../../test/servers/harness/index.js';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import { busy, call, failure, held, lockOf, recordOf, registered, registration, sharedServer } from './support.js';

// A registration or lock that still waits for its lease has not happened.
const UNKNOWN: ReadonlySet<Verb> = new Set(['renew', 'unregister', 'hold', 'unlock', 'commit']);

serverSuite(['etcd', 'etcdctl'], 'etcd: faults', () => {
  const shared = sharedServer();

  /** Two clients of one cluster, the first of them behind a proxy. */
  async function behindProxy(): Promise<{ proxy: FaultProxy; behind: Backend; direct: Backend; cluster: string }> {
    const proxy = shared.keep(await faultProxy(shared.server.endpoint));
    const { cluster, one: direct } = shared.pair();
    const { one: behind } = shared.pair({ cluster, hosts: proxy.endpoint });
    return { proxy, behind, direct, cluster };
  }

  faultsOfEachVerb(behindProxy, UNKNOWN);

  describe.concurrent('a reply that is lost', () => {
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

    test('S33: lock: given up, its lease ends by itself', { timeout: 20_000 }, async () => {
      const { proxy, behind, direct, cluster } = await behindProxy();
      await behind.list(call());
      await loseTransaction(proxy, behind, cluster, lockOf('n', { ttlMs: 2000 }));
      const outcome = await until('the lock', async () => {
        const tried = await direct.lock(lockOf('m'), call());
        return tried.kind === 'held' && tried;
      });
      expect(held(outcome).attempt).toBeDefined();
    });

    test('commit: the repeat is released, the record written once', async () => {
      const { proxy, behind, direct, cluster } = await behindProxy();
      const grant = held(await behind.lock(lockOf('n'), call()));
      const record = recordOf(grant);
      await lose(proxy, behind, (options) => behind.unlock(grant, { ...options, record }));
      expect(await behind.unlock(grant, { ...call(), record })).toEqual({ kind: 'released' });
      expect((await direct.list(call())).record).toEqual({ kind: 'present', record });
      const stored = JSON.parse(await shared.etcdctl('get', '-w', 'json', `/autocluster/${cluster}/record`));
      expect(stored.kvs[0].version).toBe(1);
    });
  });

  test('S22: etcd restarts: calls fail for a while, then everything goes on with the same grant', {
    timeout: 30_000,
  }, async () => {
    const own = await startEtcd();
    try {
      const { one } = shared.pair({ hosts: own.endpoint });
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

  test('a store without room: renewals go on, writes are STORE_FULL', { timeout: 60_000 }, async () => {
    const small = await startEtcd({ quotaBytes: 4 * 1024 * 1024 });
    try {
      const { one } = shared.pair({ hosts: small.endpoint });
      const first = registered(await one.register(registration('n'), call()));
      const request = lockOf('n');
      const grant = held(await one.lock(request, call()));
      const input = 'x'.repeat(1_000_000);
      await until('the alarm', async () => {
        await small.etcdctl(['put', '/filler'], { input });
        return (await small.etcdctl(['alarm', 'list'])).stdout.includes('NOSPACE');
      });
      expect(registered(await one.register({ ...registration('n'), held: first }, call())).ref).toBe(first.ref);
      expect(held(await one.lock({ ...request, held: grant }, call())).token).toBe(grant.token);
      const full = { code: 'STORE_FULL', retryable: true };
      // No lease was granted, so that nothing was written under it.
      expect(await failure(one.register(registration('m'), call()))).toMatchObject({ ...full, outcomeUnknown: false });
      const commit = one.unlock(grant, { ...call(), record: recordOf(grant) });
      expect(await failure(commit)).toMatchObject({ ...full, outcomeUnknown: true });
      expect((await one.list(call())).members).toHaveLength(1);
      await one.close();
    } finally {
      await small.stop();
    }
  });

  test('a record that is found in a store without room was never called certainly not committed', {
    timeout: 60_000,
  }, async () => {
    const small = await startEtcd({ quotaBytes: 4 * 1024 * 1024 });
    try {
      const extra = { filler: 'x'.repeat(300_000) };
      const contenders = Array.from({ length: 40 }, async () => {
        const { one } = shared.pair({ hosts: small.endpoint });
        return { one, grant: held(await one.lock(lockOf('n'), call())) };
      });
      const ends = (await Promise.all(contenders)).map(async ({ one, grant }) => {
        const record = { ...recordOf(grant), extra };
        const certain = await one.unlock(grant, { ...call(), record }).then(
          ({ kind }) => kind !== 'released',
          (error: unknown) => isClusterError(error) && !error.outcomeUnknown,
        );
        return certain && (await one.list(call())).record.kind === 'present';
      });
      expect(await Promise.all(ends)).not.toContain(true);
    } finally {
      await small.stop();
    }
  });

  test('what answers but is no etcd is an error, not an empty list', async () => {
    const web = createServer((_, response) => response.end('hello')).listen(0, '127.0.0.1');
    await once(web, 'listening');
    const address = web.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const { one } = shared.pair({ hosts: `http://127.0.0.1:${port}` });
    expect(['STORE_UNREACHABLE', 'STORE_FAILED']).toContain((await failure(one.list(call()))).code);
    await one.close();
    web.closeAllConnections();
    web.close();
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

  /** The lease is granted; then the transaction arrives, and its answer does not. */
  async function loseTransaction(proxy: FaultProxy, behind: Backend, cluster: string, request: LockRequest) {
    proxy.delayMs = 400;
    const work = failure(behind.lock(request, call({ timeoutMs: 2500 })));
    const written = async () => (await shared.keys(`/autocluster/${cluster}/locks/`)).length === 1;
    await until('the key is written', written, { everyMs: 1 });
    proxy.dropReplies();
    proxy.delayMs = 0;
    expect(await work).toMatchObject({ code: 'TIMEOUT', outcomeUnknown: true });
    proxy.passReplies();
    await until('the store is back', () => behind.list(call({ timeoutMs: 1000 })));
  }
});
