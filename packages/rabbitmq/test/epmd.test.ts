import type Dns from 'node:dns/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { presenceOf } from '../src/epmd.js';

const { addresses } = vi.hoisted(() => ({ addresses: new Map<string, readonly string[]>() }));
vi.mock('node:dns/promises', async (original) => {
  const real = await original<typeof Dns>();
  const lookup = async (host: string, options: { readonly all: true }) =>
    addresses.get(host)?.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })) ??
    (await real.lookup(host, options));
  return { ...real, lookup };
});

const servers: Server[] = [];
const sockets = new Set<Socket>();

async function listen(onConnection: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    onConnection(socket);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}

afterEach(() => {
  for (const socket of sockets) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

/** A port mapper that answers every question with these bytes. */
const epmd = (answer: readonly number[]) =>
  listen((socket) => socket.once('data', () => socket.end(Buffer.from(answer))));
const foundAt = (port: number) => [119, 0, port >> 8, port & 255, 77, 0, 0, 6, 0, 5];
const ask = (port: number, signal = new AbortController().signal, host = '127.0.0.1') =>
  presenceOf(`rabbit@${host}`, port, signal);

describe('whether a node is there', () => {
  test('it takes connections', async () => {
    const node = await listen(() => undefined);
    expect(await ask(await epmd(foundAt(node)))).toEqual({ kind: 'listens', port: node });
  });

  test('its machine knows no such node: it is down', async () => {
    expect(await ask(await epmd([119, 1]))).toMatchObject({ kind: 'refused' });
  });

  test('its machine refuses: it is down', async () => {
    const port = await epmd([]);
    servers.splice(0).forEach((server) => server.close());
    expect(await ask(port)).toMatchObject({ kind: 'refused' });
  });

  test('its own port refuses: it is down', async () => {
    const node = await listen(() => undefined);
    const port = await epmd(foundAt(node));
    servers.shift()?.close();
    expect(await ask(port)).toMatchObject({ kind: 'refused' });
  });

  test.each([[[]], [[119]], [[1, 2, 3]], [[119, 0]], [[119, 0, 1]]])(
    'an answer that is none or half of one is unknown: %j',
    async (answer) => {
      expect(await ask(await epmd(answer))).toMatchObject({ kind: 'unknown' });
    },
  );

  test('S24: a name that cannot be resolved is unknown', async () => {
    const signal = new AbortController().signal;
    expect(await presenceOf('rabbit@no-such-host.invalid', 4369, signal)).toMatchObject({ kind: 'unknown' });
  });

  test.each([[['127.0.0.2', '127.0.0.1']], [['127.0.0.1', '127.0.0.2']]])(
    'a machine of several addresses is asked at each, since a node need not take connections at all of them: %j',
    async (found) => {
      addresses.set('several', found);
      const node = await listen(() => undefined);
      const port = await epmd(foundAt(node));
      expect(await ask(port, undefined, 'several')).toEqual({ kind: 'listens', port: node });
      servers.shift()?.close();
      expect(await ask(port, undefined, 'several')).toMatchObject({ kind: 'refused' });
    },
  );

  test('one address that refuses does not speak for another that says nothing', async () => {
    addresses.set('several', ['127.0.0.2', '127.0.0.1']);
    expect(await ask(await epmd([]), undefined, 'several')).toMatchObject({ kind: 'unknown' });
  });

  test('an address to which this machine has no way says nothing about the node', async () => {
    // Of a link, and it is not said of which.
    addresses.set('several', ['fe80::1', '127.0.0.1']);
    expect(await ask(await epmd([119, 1]), undefined, 'several')).toMatchObject({ kind: 'refused' });
  });

  test('silence is unknown', async () => {
    const { signal, abort } = abortable();
    const port = await listen((socket) => void socket.once('data', () => abort()));
    expect(await ask(port, signal)).toMatchObject({ kind: 'unknown' });
  });
});

function abortable() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}
