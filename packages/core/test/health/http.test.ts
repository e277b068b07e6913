import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createServer, request, type Server } from 'node:http';
import { createClusterNode, processDriver } from '@autocluster/core';
import { healthHandler, serveHealth } from '@autocluster/core/http';
import { memoryStore } from '@autocluster/testing';
import { describe, expect, it } from 'vitest';

interface Reply {
  readonly status: number;
  readonly type: string;
  readonly allow: string | undefined;
  readonly body: string;
}

function get(port: number, path: string, method = 'GET'): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, method, agent: false }, (response) => {
      let body = '';
      response.on('data', (part) => (body += String(part)));
      response.on('end', () => {
        const { 'content-type': type = '', allow } = response.headers;
        resolve({ status: response.statusCode ?? 0, type, allow, body });
      });
    });
    asked.on('error', reject);
    asked.end();
  });
}

const LABEL = String.raw`[a-z_]\w*="(?:[^"\\\n]|\\[\\"n])*"`;
const SAMPLE = new RegExp(`^([a-z_]\\w*)\\{((?:${LABEL})(?:,${LABEL})*)\\} (-?\\d+(?:\\.\\d+)?(?:e[+-]?\\d+)?)$`);

/** Reads the text format of Prometheus by its strictest rules: a family is told once, in one piece, no sample twice. */
function metricFamilies(text: string): ReadonlyMap<string, string> {
  expect(text.endsWith('\n')).toBe(true);
  const families = new Map<string, string>();
  const samples = new Set<string>();
  let [helped, current] = ['', ''];
  for (const line of text.slice(0, -1).split('\n')) {
    const [, what, name = '', rest = ''] = /^# (HELP|TYPE) ([a-z_]\w*) (.+)$/.exec(line) ?? [];
    if (what === 'HELP') helped = name;
    else if (what === 'TYPE') {
      expect([helped, families.has(name), ['gauge', 'counter'].includes(rest)]).toEqual([name, false, true]);
      families.set(name, rest);
      current = name;
    } else {
      const [, of, labels] = SAMPLE.exec(line) ?? [line];
      expect(of).toBe(current);
      const key = `${of}{${labels}}`;
      expect(samples.has(key)).toBe(false);
      samples.add(key);
    }
  }
  return families;
}

async function withNode(
  run: (site: ReturnType<typeof siteOf>) => Promise<void>,
  options: Partial<Parameters<typeof createClusterNode>[0]> = {},
): Promise<void> {
  const site = siteOf(options);
  try {
    await run(site);
  } finally {
    await site.node.stop();
  }
}

function siteOf(options: Partial<Parameters<typeof createClusterNode>[0]>) {
  const store = memoryStore();
  const healthy = { now: true };
  const node = createClusterNode({
    backend: store.client({ cluster: 'demo', id: 'n1' }),
    driver: processDriver({ node: 'n1', isHealthy: () => healthy.now }),
    ttlMs: 2_000,
    onEvent: () => undefined,
    ...options,
  });
  return { store, node, healthy };
}

describe('health over HTTP', () => {
  it('answers every question of a node that is formed', () =>
    withNode(async ({ node }) => {
      await node.start();
      const server = await serveHealth(node, { port: 0 });
      for (const path of ['/livez', '/readyz', '/startupz'])
        expect(await get(server.port, path)).toMatchObject({ status: 200 });
      const health = await get(server.port, '/health');
      expect([health.status, health.type]).toEqual([200, 'application/json; charset=utf-8']);
      expect(JSON.parse(health.body)).toMatchObject({ status: 'ok', node: 'n1', cluster: 'demo' });
      expect((await get(server.port, '/health?format=text')).body).toMatch(/^SUCCESS: n1 in cluster demo/);
      const metrics = await get(server.port, '/metrics');
      expect(metrics.type).toBe('text/plain; version=0.0.4; charset=utf-8');
      expect(metrics.body).toContain('autocluster_formed{cluster="demo",node="n1"} 1\n');
      expect(metrics.body).toContain('autocluster_cleanup_held_total{cluster="demo",node="n1",brake="minority"} 0\n');
      const families = metricFamilies(metrics.body);
      expect(families.size).toBeGreaterThan(10);
      for (const [name, type] of families) expect(name.endsWith('_total')).toBe(type === 'counter');
      expect(await get(server.port, '/livez', 'HEAD')).toMatchObject({ status: 200, body: '' });
      expect(await get(server.port, '/livez', 'POST')).toMatchObject({ status: 405, allow: 'GET, HEAD' });
      expect(await get(server.port, '//')).toMatchObject({ status: 400 });
      expect(await get(server.port, '/nothing')).toMatchObject({ status: 404 });
      await server.close();
    }));

  it('does not have a booting node killed, however long it waits', () =>
    withNode(
      async ({ node }) => {
        const server = await serveHealth(node, { port: 0 });
        expect((await get(server.port, '/startupz')).status).toBe(503);
        node.start().catch(() => undefined);
        const probes = ['/livez', '/startupz', '/readyz', '/health'].map(
          async (path) => (await get(server.port, path)).status,
        );
        expect(await Promise.all(probes)).toEqual([200, 200, 503, 503]);
        expect((await get(server.port, '/readyz')).body).toMatch(/^not ok: /);
      },
      { nodesExpectedMin: 2 },
    ));

  it('is live and ready while the store is away, and tells it in the report', () =>
    withNode(async ({ node, store }) => {
      await node.start();
      const server = await serveHealth(node, { port: 0 });
      store.inject({ kind: 'fail', code: 'STORE_UNREACHABLE' });
      expect((await get(server.port, '/livez')).status).toBe(200);
      expect((await get(server.port, '/readyz')).status).toBe(200);
      const health = await get(server.port, '/health?format=text');
      expect([health.status, health.body]).toEqual([
        503,
        expect.stringMatching(/failing +store +the list failed: STORE_UNREACHABLE/),
      ]);
    }));

  it('is ready as its daemon is, at once', () =>
    withNode(async ({ node, healthy }) => {
      await node.start();
      const server = await serveHealth(node, { port: 0 });
      healthy.now = false;
      expect(await get(server.port, '/readyz')).toMatchObject({ status: 503 });
      expect(await get(server.port, '/livez')).toMatchObject({ status: 200 });
      healthy.now = true;
      expect(await get(server.port, '/readyz')).toMatchObject({ status: 200 });
    }));

  it('ends with the node, and keeps no connection open', () =>
    withNode(async ({ node }) => {
      await node.start();
      const server = await serveHealth(node, { port: 0 });
      await get(server.port, '/livez');
      await node.stop();
      await server.close();
      await expect(get(server.port, '/livez')).rejects.toThrow(/ECONNREFUSED/);
    }));

  it('goes on answering, and ends nobody, though connections could not be accepted', () =>
    withNode(async ({ node }) => {
      const { port } = await serveHealth(node, { port: 0 });
      const servers: Server[] = [];
      const note = (message: unknown) => void servers.push((message as { server: Server }).server);
      subscribe('http.server.request.start', note);
      await get(port, '/livez');
      unsubscribe('http.server.request.start', note);
      for (const code of ['EMFILE', 'ENFILE', 'ENOMEM'])
        servers[0]?.emit('error', Object.assign(new Error(`accept ${code}`), { code }));
      expect([servers.length, (await get(port, '/startupz')).status]).toEqual([1, 503]);
    }));

  it('is not ready any more when it stopped while its daemon was asked', () => {
    let answer = (_healthy: boolean): void => undefined;
    const held = { now: false };
    const isHealthy = () => held.now && new Promise<boolean>((resolve) => (answer = resolve));
    const driver = processDriver({ node: 'n1', isHealthy: () => isHealthy() || true });
    return withNode(
      async ({ node }) => {
        await node.start();
        held.now = true;
        const asked = node.probe('ready');
        held.now = false;
        await node.stop();
        answer(true);
        expect(await asked).toEqual({ ok: false, detail: 'stopped' });
      },
      { driver },
    );
  });

  it('is mounted into a server that is there already', () =>
    withNode(async ({ node }) => {
      await node.start();
      const handler = healthHandler(node, { prefix: '/cluster/' });
      const server = createServer((asked, response) => handler(asked, response));
      await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
      const address = server.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      expect(await get(port, '/cluster/readyz')).toMatchObject({ status: 200 });
      expect(await get(port, '/readyz')).toMatchObject({ status: 404 });
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }));

  it.each([
    ['port', { port: -1 }],
    ['port', { port: 'a' }],
    ['host', { port: 0, host: '' }],
    ['hosts', { port: 0, hosts: 'x' }],
  ])('refuses %s: %j', (option, options) =>
    withNode(async ({ node }) => {
      await expect(serveHealth(node, options as never)).rejects.toMatchObject({ code: 'INVALID_OPTION', option });
    }),
  );

  it('says which port is taken', () =>
    withNode(async ({ node }) => {
      const first = await serveHealth(node, { port: 0 });
      await expect(serveHealth(node, { port: first.port })).rejects.toMatchObject({
        option: 'port',
        value: first.port,
      });
      await first.close();
    }));
});
