import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createClusterNode, processDriver } from '@autocluster/core';
import { healthHandler } from '@autocluster/core/http';
import { memoryStore } from '@autocluster/testing';
import { describe, expect, it } from 'vitest';

/** A node behind a server of the embedding program, which may do something to a response as well. */
async function withSite(
  run: (url: string) => Promise<void>,
  alsoDo: (response: ServerResponse) => void = () => undefined,
): Promise<void> {
  const node = createClusterNode({
    backend: memoryStore().client({ cluster: 'demo', id: 'n1' }),
    driver: processDriver({ node: 'n1' }),
    onEvent: () => undefined,
  });
  await node.start();
  const handler = healthHandler(node, { prefix: '/cluster' });
  const server = createServer((asked, response) => {
    handler(asked, response);
    alsoDo(response);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  try {
    await run(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await node.stop();
  }
}

describe('the handler in another server', () => {
  it('finds a path under its prefix, and none that only begins like it', () =>
    withSite(async (url) => {
      expect((await fetch(`${url}/cluster/livez`)).status).toBe(200);
      for (const path of ['/clusterlivez', '/clusterconstructor', '/cluster', '/cluster2/livez', '/livez'])
        expect((await fetch(`${url}${path}`)).status).toBe(404);
    }));

  it.each(['cluster', '/my cluster', '/a?b', '//a', '/a/../b', ''])(
    'refuses the prefix %j, which no path has',
    (prefix) => {
      const node = createClusterNode({
        backend: memoryStore().client({ cluster: 'demo', id: 'n1' }),
        driver: processDriver({ node: 'n1' }),
      });
      expect(() => healthHandler(node, { prefix })).toThrow(
        expect.objectContaining({ code: 'INVALID_OPTION', option: 'prefix' }),
      );
    },
  );

  it('leaves a response alone that somebody else has sent meanwhile', async () => {
    const rejections: unknown[] = [];
    const note = (error: unknown) => void rejections.push(error);
    const others = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    process.on('unhandledRejection', note);
    try {
      await withSite(
        async (url) => {
          const answer = await fetch(`${url}/cluster/health`);
          expect([answer.status, await answer.text()]).toEqual([504, 'too late']);
        },
        (response) => void response.writeHead(504).end('too late'),
      );
    } finally {
      process.off('unhandledRejection', note);
      for (const each of others) process.on('unhandledRejection', each);
    }
    expect(rejections).toEqual([]);
  });
});
