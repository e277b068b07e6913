import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { Backend } from '@autocluster/core/backend';
import { expect, test } from 'vitest';
import { faultsOfEachVerb, type Verb } from '../../../test/backends/verb-faults.js';
import { type FaultProxy, faultProxy, startKubernetes, until } from '../../../test/servers/harness/index.js';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import { call, failure, failureInTime, held, lockOf, registered, registration, sharedServer } from './support.js';

// What only reads before it writes has not happened yet.
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

  faultsOfEachVerb(behindProxy, UNKNOWN);

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
