import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { openProxy, type Proxy } from '../src/wire/proxy.ts';

const OUTGOING_FROM = 32_768;
const SERVER = 'http://127.0.0.1:2379';

const proxies: Proxy[] = [];
const servers: Server[] = [];

async function open(): Promise<number> {
  const proxy = await openProxy(SERVER);
  proxies.push(proxy);
  return Number(new URL(proxy.url).port);
}

const occupy = (port: number) =>
  new Promise<void>((resolve, reject) => {
    const server = createServer();
    servers.push(server);
    server.once('error', reject);
    server.listen({ port, host: '127.0.0.1', exclusive: true }, resolve);
  });

afterEach(async () => {
  await Promise.all(proxies.splice(0).map((proxy) => proxy.close()));
  for (const server of servers.splice(0)) server.close();
});

describe('the port of a proxy', () => {
  it('is none that a system gives to an outgoing connection while the proxy refuses', async () => {
    const ports = [await open(), await open(), await open()];
    expect(Math.max(...ports)).toBeLessThan(OUTGOING_FROM);
    expect(new Set(ports).size).toBe(3);
  });

  it('is another one where somebody listens already', async () => {
    const port = await open();
    await occupy(port + 1);
    expect(await open()).not.toBe(port + 1);
  });

  it('stays the same after it refused', async () => {
    const port = await open();
    proxies[0]?.refuse();
    await proxies[0]?.heal();
    await expect(occupy(port)).rejects.toThrow('EADDRINUSE');
  });
});
