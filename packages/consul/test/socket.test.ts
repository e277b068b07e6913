import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { makeFolder, removeFolder } from '../../../test/servers/harness/index.js';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import { busy, call, freshCluster, held, lockOf, registered, registration, sharedServer } from './support.js';

serverSuite(['consul'], "consul: the agent's Unix socket", () => {
  const folder = makeFolder('consul-socket');
  const socket = join(folder, 'agent.sock');
  const shared = sharedServer({ config: { addresses: { http: `127.0.0.1 unix://${socket}` } } });
  afterAll(() => removeFolder(folder));

  test('carries every verb, and shows the same store as the port', async () => {
    const cluster = freshCluster();
    const bySocket = shared.backend({ cluster, hosts: `unix://${socket}` });
    const byPort = shared.backend({ cluster, hosts: shared.server.httpAddress });
    const entry = registered(await bySocket.register(registration('a'), call()));
    expect((await byPort.list(call())).members.map(({ node }) => node)).toEqual(['a']);
    const grant = held(await bySocket.lock(lockOf('a'), call()));
    busy(await byPort.lock(lockOf('b'), call()));
    expect(await bySocket.unlock(grant, call())).toEqual({ kind: 'released' });
    const watch = bySocket.watch?.(call())[Symbol.asyncIterator]();
    await bySocket.list(call());
    registered(await byPort.register(registration('b'), call()));
    expect(await watch?.next()).toEqual({ done: false, value: 'changed' });
    await watch?.return?.();
    await bySocket.unregister(entry, call());
    expect((await bySocket.list(call())).members.map(({ node }) => node)).toEqual(['b']);
  });
});
