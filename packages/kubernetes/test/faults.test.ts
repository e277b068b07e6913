import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { type Backend, type CallOptions, ClusterError } from '@autocluster/core/backend';
import { systemClock } from '@autocluster/core/runtime';
import { describe, expect, test } from 'vitest';
import { type FaultProxy, faultProxy, startKubernetes, until } from '../../../test/servers/harness/index.js';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import {
  call,
  failure,
  failureInTime,
  held,
  lockOf,
  recordOf,
  registered,
  registration,
  sharedServer,
} from './support.js';

type Verb = 'register' | 'renew' | 'unregister' | 'list' | 'lock' | 'hold' | 'unlock' | 'commit';
const VERBS: readonly Verb[] = ['register', 'renew', 'unregister', 'list', 'lock', 'hold', 'unlock', 'commit'];
const UNKNOWN: ReadonlySet<Verb> = new Set(['unregister', 'hold', 'unlock', 'commit']);

serverSuite(['kube-apiserver', 'etcd'], 'kubernetes: faults', () => {
  const shared = sharedServer();

  /** Two clients of one cluster, the first of them behind a proxy. */
  async function behindProxy(): Promise<{ proxy: FaultProxy; behind: Backend; direct: Backend; cluster: string }> {
    const proxy = shared.keep(await faultProxy(shared.server.server));
    const { cluster, one: direct } = shared.pair();
    const { one: behind } = shared.pair({ cluster, server: proxy.endpoint });
    return { proxy, behind, direct, cluster };
  }

  /** Each verb with everything that it needs in place. */
  async function prepared(backend: Backend): Promise<Record<Verb, (options: CallOptions) => Promise<unknown>>> {
    const node = registered(await backend.register(registration('n'), call()));
    const other = registered(await backend.register(registration('m'), call()));
    const request = lockOf('n');
    const grant = held(await backend.lock(request, call()));
    const cleanup = held(await backend.lock(lockOf('n', { name: 'cleanup' }), call()));
    return {
      register: (options) => backend.register(registration('new'), options),
      renew: (options) => backend.register({ ...registration('n'), held: node }, options),
      unregister: (options) => backend.unregister(other, options),
      list: (options) => backend.list(options),
      lock: (options) => backend.lock(lockOf('n', { name: 'work' }), options),
      hold: (options) => backend.lock({ ...request, held: grant }, options),
      unlock: (options) => backend.unlock(cleanup, options),
      commit: (options) => backend.unlock(grant, { ...options, record: recordOf(grant) }),
    };
  }

  describe.concurrent.each(VERBS)('%s', (verb) => {
    test('a store that hangs: settles by itself within its time plus one second', async () => {
      const { proxy, behind } = await behindProxy();
      const verbs = await prepared(behind);
      proxy.pause();
      const error = await failureInTime(verbs[verb], 700);
      expect(error).toMatchObject({ code: 'TIMEOUT', retryable: true });
      // What only reads before it writes has not happened yet.
      expect(error.outcomeUnknown).toBe(UNKNOWN.has(verb));
      proxy.resume();
      await until('the store is back', () => behind.list(call({ timeoutMs: 1000 })));
    });

    test('the caller gives up: settles at once, with the right code', async () => {
      const { proxy, behind } = await behindProxy();
      const verbs = await prepared(behind);
      proxy.pause();
      const give = async (reason: unknown) => {
        const controller = new AbortController();
        const work = failure(verbs[verb](call({ signal: controller.signal, timeoutMs: 30_000 })));
        await Promise.resolve();
        const began = systemClock.monotonicMs();
        controller.abort(reason);
        const { code } = await work;
        return { code, prompt: systemClock.monotonicMs() - began < 500 };
      };
      expect(await give(new Error('enough'))).toEqual({ code: 'ABORTED', prompt: true });
      expect(await give(new ClusterError('TIMEOUT', 'late'))).toEqual({ code: 'TIMEOUT', prompt: true });
      // The first of them took the connection for dead; the next one is new.
      expect(await give(new Error('enough'))).toEqual({ code: 'ABORTED', prompt: true });
    });

    test('aborted before it began: nothing is sent', async () => {
      const { behind, proxy } = await behindProxy();
      const verbs = await prepared(behind);
      const { bytesUp } = proxy.counters;
      const error = await failure(verbs[verb](call({ signal: AbortSignal.abort() })));
      expect(error).toMatchObject({ code: 'ABORTED', outcomeUnknown: false });
      expect(proxy.counters.bytesUp).toBe(bytesUp);
    });

    test('after close: CLOSED; during it as well', async () => {
      const { proxy, behind } = await behindProxy();
      const verbs = await prepared(behind);
      proxy.pause();
      const during = failure(verbs[verb](call()));
      await behind.close();
      expect((await during).code).toBe('CLOSED');
      expect((await failure(verbs[verb](call()))).code).toBe('CLOSED');
      await behind.close();
    });
  });

  test.concurrent.each([
    ['head', (to: Socket) => to.write('x: y\r\n')],
    ['body', (to: Socket) => to.write('1\r\n \r\n')],
  ])('an answer whose %s never ends, byte by byte: settles within its time plus one second', async (part, drip) => {
    const slow = createServer((socket) => {
      const head = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n';
      socket.write(part === 'head' ? head : `${head}\r\n`);
      const dripping = setInterval(() => drip(socket), 100);
      socket.on('close', () => clearInterval(dripping)).on('error', () => undefined);
    });
    await once(slow.listen(0, '127.0.0.1'), 'listening');
    const { port } = slow.address() as AddressInfo;
    try {
      const { server: _, tls: __, ...access } = shared.options();
      const backend = shared.backend({ ...access, server: `http://127.0.0.1:${port}` });
      const error = await failureInTime((options) => backend.list(options), 700);
      expect(error).toMatchObject({ code: 'TIMEOUT', retryable: true });
      await backend.close();
    } finally {
      slow.close();
    }
  });

  test('S22: the API server restarts: calls fail for a while, then everything goes on with the same grant', {
    timeout: 60_000,
  }, async () => {
    const own = await startKubernetes();
    try {
      const { one } = shared.pair({ server: own.server, token: own.adminToken, tls: { ca: own.caFile } });
      const first = registered(await one.register(registration('n', { ttlMs: 60_000 }), call()));
      const request = lockOf('n', { ttlMs: 60_000 });
      const grant = held(await one.lock(request, call()));
      await own.kill();
      const error = await failure(one.list(call()));
      expect(error).toMatchObject({ code: 'STORE_UNREACHABLE', retryable: true, outcomeUnknown: false });
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
});
