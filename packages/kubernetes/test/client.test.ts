import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { ClusterError } from '@autocluster/core/backend';
import { systemClock } from '@autocluster/core/runtime';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { TlsMaterial } from '../src/access.js';
import { KubernetesClient } from '../src/client.js';
import { until } from '../../../test/servers/harness/index.js';

const LIST = { verb: 'list', resource: 'leases' } as const;

/** A client, and a web server in place of an API server. */
async function against(listener: RequestListener) {
  // Longer than a test: it is the client that closes what it does not use.
  const server = createServer({ keepAliveTimeout: 120_000 }, listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  let tls: TlsMaterial = {};
  let hangs = false;
  let reads = 0;
  const access = () => ({ server: `http://127.0.0.1:${port}`, namespace: 'b', tls, headers: {} });
  const client = new KubernetesClient({
    read: () => {
      reads += 1;
      return hangs ? new Promise(() => undefined) : Promise.resolve(access());
    },
    tlsFiles: 'none',
    credentials: 'none',
  });
  let aheadMs = 0;
  const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + aheadMs };
  const call = () => ({ signal: new AbortController().signal, timeoutMs: 5_000, clock });
  const open = new Set<unknown>();
  server.on('connection', (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  onTestFinished(async () => {
    await client.close();
    server.closeAllConnections();
    server.close();
  });
  return {
    client,
    call,
    open,
    pass: (ms: number) => (aheadMs += ms),
    rotate: (cert: string) => (tls = { cert }),
    hang: (whether: boolean) => (hangs = whether),
    reads: () => reads,
    list: (signal?: AbortSignal) =>
      client.exchange('list', { ...call(), ...(signal && { signal }) }, (exchange) => client.ask(exchange, LIST)),
  };
}

async function failure(work: Promise<unknown>): Promise<ClusterError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof ClusterError) return error;
  throw new Error('it did not fail');
}

const status = (code: number, message: string) => JSON.stringify({ kind: 'Status', code, message });

describe('Retry-After', () => {
  test('of an hour, as a proxy may name it, keeps nobody from asking for longer than a moment', async () => {
    let isBusy = true;
    const { list, pass } = await against((_asked, answer) => {
      if (isBusy) answer.writeHead(429, { 'retry-after': '3600' }).end(status(429, 'too many requests'));
      else answer.end('{}');
    });
    const told = await failure(list());
    expect(told.details['retryAfterMs']).toBe(15_000);
    isBusy = false;
    expect((await failure(list())).message).toContain('asked not to be called');
    pass(15_001);
    expect(await list()).toMatchObject({ status: 200 });
  });
});

describe('403 Forbidden', () => {
  const create = { verb: 'create', resource: 'leases', name: 'a', body: {} } as const;

  test.each([
    [
      'STORE_FULL',
      true,
      'leases.coordination.k8s.io "a" is forbidden: exceeded quota: small, requested: count/leases.coordination.k8s.io=1, used: count/leases.coordination.k8s.io=5, limited: count/leases.coordination.k8s.io=5',
    ],
    ['STORE_FORBIDDEN', false, 'leases.coordination.k8s.io is forbidden: User "u" cannot create resource "leases"'],
  ])('is %s where the server says so', async (code, retryable, message) => {
    const { client, call } = await against((_asked, answer) => answer.writeHead(403).end(status(403, message)));
    const error = await failure(client.exchange('lock', call(), (exchange) => client.ask(exchange, create)));
    expect(error).toMatchObject({ code, retryable, outcomeUnknown: false });
    expect(error.message).toContain(message);
  });
});

describe('credentials whose reading never ends, as that of a program that hangs', () => {
  const enough = () => {
    const controller = new AbortController();
    return { signal: controller.signal, giveUp: () => controller.abort(new ClusterError('TIMEOUT', 'enough')) };
  };

  test('cost the call that waits for them, and no later one', async () => {
    const { list, pass, hang } = await against((_asked, answer) => void answer.end('{}'));
    await list();
    hang(true);
    pass(61_000);
    const { signal, giveUp } = enough();
    const waiting = failure(list(signal));
    giveUp();
    expect(await waiting).toMatchObject({ code: 'TIMEOUT', outcomeUnknown: false });
    pass(5_000);
    expect(await list()).toMatchObject({ status: 200 });
  });

  test('are read anew after a while where there are none yet', async () => {
    const { list, pass, hang, reads } = await against((_asked, answer) => void answer.end('{}'));
    hang(true);
    const { signal, giveUp } = enough();
    const waiting = failure(list(signal));
    giveUp();
    expect((await waiting).code).toBe('TIMEOUT');
    hang(false);
    pass(30_000);
    const soon = enough();
    const still = failure(list(soon.signal));
    soon.giveUp();
    expect([(await still).code, reads()]).toEqual(['TIMEOUT', 1]);
    pass(31_000);
    expect(await list()).toMatchObject({ status: 200 });
  });

  test('are read anew at once where the server has refused those that were known', async () => {
    let isRefused = false;
    const { list, pass, hang } = await against((_asked, answer) => {
      if (isRefused) answer.writeHead(401).end(status(401, 'Unauthorized'));
      else answer.end('{}');
      isRefused = false;
    });
    await list();
    hang(true);
    pass(61_000);
    const { signal, giveUp } = enough();
    const waiting = failure(list(signal));
    giveUp();
    await waiting;
    hang(false);
    isRefused = true;
    pass(5_000);
    expect(await list()).toMatchObject({ status: 200 });
  });
});

test('a write that found no room in the store may have been carried out: etcd looks again after it has written', async () => {
  const text = status(500, 'etcdserver: mvcc: database space exceeded');
  const { client, call, list } = await against((_asked, answer) => answer.writeHead(500).end(text));
  const update = { verb: 'update', resource: 'leases', name: 'a', body: {} } as const;
  const error = await failure(client.exchange('unlock', call(), (exchange) => client.ask(exchange, update)));
  expect(error).toMatchObject({ code: 'STORE_FULL', retryable: true, outcomeUnknown: true });
  expect(await failure(list())).toMatchObject({ code: 'STORE_FULL', outcomeUnknown: false });
});

describe('certificates that were replaced', () => {
  test('leave no connection behind, and a watch goes on to its end', async () => {
    let say = (_line: string): unknown => undefined;
    let end = (): unknown => undefined;
    const { client, call, open, pass, rotate, list } = await against((asked, answer) => {
      if (!asked.url?.includes('watch=')) return void answer.end('{}');
      say = (line) => answer.write(line);
      end = () => answer.end();
      answer.write('{"first":1}\n');
    });
    const lines: string[] = [];
    const watch = { verb: 'watch', resource: 'leases' } as const;
    const following = client.exchange('watch', { ...call(), timeoutMs: 600_000 }, (exchange) =>
      client.follow(exchange, watch, (line) => lines.push(line)),
    );
    await until('the watch has begun', () => expect(lines).toHaveLength(1));
    await list();
    await until('both are open', () => expect(open.size).toBe(2));
    rotate('another');
    pass(61_000);
    await list();
    say('{"second":2}\n');
    await until('the watch goes on', () => expect(lines).toHaveLength(2));
    end();
    await following;
    await until('only the newest is open', () => expect(open.size).toBe(1));
    rotate('a third');
    pass(61_000);
    await list();
    await until('the one that was not in use is closed', () => expect(open.size).toBe(1));
  });
});
