import { setTimeout as delay } from 'node:timers/promises';
import { type ClusterEvent, type ClusterNode, createClusterNode, processDriver } from '@autocluster/core';
import type { Backend } from '@autocluster/core/backend';
import { describe, expect, test } from 'vitest';
import { LEASES, must, SLICES } from '../../../test/backends/kubernetes.js';
import { type KubernetesServer, startKubernetes, until } from '../../../test/servers/harness/index.js';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import { Interceptor } from './intercept.js';
import {
  busy,
  call,
  failure,
  freshCluster,
  held,
  lockOf,
  recordOf,
  registered,
  registration,
  Servers,
  sharedServer,
} from './support.js';

/** A cluster of its own on a server of its own, on which its administrator may do everything. */
const everythingOf = ({ server, adminToken: token, caFile: ca }: KubernetesServer) =>
  ({ cluster: freshCluster(), owner: 'none', server, token, tls: { ca }, namespace: 'default' }) as const;

const SLOW = { withinMs: 40_000 };
const idOf = ({ state }: ClusterNode): string | undefined =>
  state.kind === 'formed' ? state.identity.clusterId : undefined;
const readyIn = ({ view }: ClusterNode): number =>
  view.kind === 'known' ? view.members.filter(({ state }) => state === 'ready').length : 0;

/** Nodes of one cluster in this process, each with a backend of its own. */
class Nodes {
  readonly all: ClusterNode[] = [];
  readonly events: ClusterEvent[] = [];

  launch(node: string, backend: Backend, ttlMs = 3000): ClusterNode {
    const onEvent = (event: ClusterEvent) => void this.events.push(event);
    const launched = createClusterNode({ backend, driver: processDriver({ node }), ttlMs, onEvent });
    this.all.push(launched);
    // What becomes of it is in its state.
    launched.start().catch(() => undefined);
    return launched;
  }

  async oneCluster(): Promise<string> {
    const ids = await until(
      'all are formed',
      () => {
        const found = this.all.map(idOf);
        return found.every((id) => id !== undefined) && found;
      },
      SLOW,
    );
    await until('all see all', () => this.all.every((node) => readyIn(node) === this.all.length), SLOW);
    const [id, ...others] = new Set(ids);
    if (id === undefined || others.length > 0) throw new Error(`not one cluster: ${ids.join(', ')}`);
    return id;
  }

  async stop(): Promise<void> {
    await Promise.all(this.all.map((node) => node.stop()));
  }
}

serverSuite(['kube-apiserver', 'etcd'], 'kubernetes: nodes whose connections are cut', () => {
  const shared = sharedServer();

  test.concurrent('a watch that is cut every second: nothing is missed, and nobody asks in a hurry', async () => {
    const front = shared.keep(await new Interceptor(shared.server).start());
    front.cutWatchesAfterMs = 1000;
    const nodes = new Nodes();
    try {
      const cluster = freshCluster();
      for (const name of ['n1', 'n2', 'n3'])
        nodes.launch(name, shared.backend(shared.options({ cluster, server: front.url })), 10_000);
      await nodes.oneCluster();
      const [asked, beganMs] = [front.asked.length, performance.now()];
      const watches = () => front.count(({ isWatch }) => isWatch);
      const before = watches();
      await until('ten more watches were cut', () => watches() >= before + 10, SLOW);
      const fourth = nodes.launch('n4', shared.backend(shared.options({ cluster, server: front.url })), 10_000);
      await nodes.oneCluster();
      expect(idOf(fourth)).toBe(nodes.all.map(idOf)[0]);
      // Four nodes that renew, list at each break and open their watch again: some a second each, not some hundred.
      const perSecond = (front.asked.length - asked) / ((performance.now() - beganMs) / 1000);
      expect(perSecond).toBeLessThan(60);
      expect(nodes.events.filter(({ name }) => name === 'registration.lost')).toEqual([]);
    } finally {
      await nodes.stop();
    }
  });

  test.concurrent('the API server is killed and starts again while three form: one cluster', {
    timeout: 90_000,
  }, async () => {
    const own = await startKubernetes();
    const servers = new Servers();
    const nodes = new Nodes();
    try {
      const all = everythingOf(own);
      for (const name of ['n1', 'n2', 'n3']) nodes.launch(name, servers.backend(all));
      const isWorking = ({ state }: ClusterNode) =>
        ['locking', 'creating', 'committing', 'joining'].includes(state.kind);
      await until('one of them has the lock or wants it', () => nodes.all.some(isWorking), { everyMs: 1 });
      await own.kill();
      await own.restart();
      const id = await nodes.oneCluster();
      const committed = nodes.events.filter(
        ({ name, data }) => name === 'record.committed' && data['change'] === 'create',
      );
      expect(committed.every(({ data }) => data['clusterId'] === id)).toBe(true);
    } finally {
      await nodes.stop();
      await servers.end();
      await own.stop();
    }
  });

  describe('410 Gone', () => {
    test('a watch from a version that the server does not know any more ends; after a list it goes on', {
      timeout: 60_000,
    }, async () => {
      const own = await startKubernetes();
      const servers = new Servers();
      try {
        const all = everythingOf(own);
        const [one, two] = [servers.backend(all), servers.backend(all)];
        await one.list(call());
        const first = registered(await two.register(registration('n'), call()));
        // What it remembers of the past ends with the process.
        await own.restart();
        await two.register({ ...registration('n', { state: 'ready' }), held: first }, call());
        const error = await failure(Promise.resolve(one.watch?.(call())[Symbol.asyncIterator]().next()));
        expect(error).toMatchObject({ code: 'STORE_FAILED', retryable: true, outcomeUnknown: false });
        expect(error.message).toContain('too old resource version');
        expect((await one.list(call())).members).toHaveLength(1);
        const watch = one.watch?.(call())[Symbol.asyncIterator]();
        const next = watch?.next();
        await two.unregister(first, call());
        expect(await next).toEqual({ done: false, value: 'changed' });
        await watch?.return?.();
      } finally {
        await servers.end();
        await own.stop();
      }
    });

    test('a record and a lock that are older than what the server remembers are watched all the same', {
      timeout: 60_000,
    }, async () => {
      const own = await startKubernetes();
      const servers = new Servers();
      try {
        const members = { service: freshCluster(), address: 'ip' } as const;
        const all = { ...everythingOf(own), members };
        const [one, two] = [servers.backend(all), servers.backend(all)];
        const labels = { 'kubernetes.io/service-name': members.service };
        const slice = {
          addressType: 'IPv4',
          endpoints: [{ addresses: ['10.1.0.1'] }],
          metadata: { name: 's', labels },
        };
        await must(own, SLICES, { method: 'POST', body: slice });
        const first = held(await two.lock(lockOf('a'), call()));
        await two.unlock(first, { ...call(), record: recordOf(first) });
        const lasting = held(await two.lock(lockOf('a', { name: 'work', ttlMs: 600_000 }), call()));
        await must(own, LEASES, { method: 'POST', body: { metadata: { name: 'a-later-one' } } });
        await own.restart();

        const { released } = busy(await one.lock(lockOf('b', { name: 'work' }), call()));
        const signal = AbortSignal.timeout(20_000);
        let isFree = false;
        const free = released?.(signal).then(() => (isFree = true));
        await one.list(call());
        const watch = one.watch?.(call())[Symbol.asyncIterator]();
        const next = watch?.next();
        // That nothing comes can only be seen by waiting: an event of what is there would come at once.
        const settled = Promise.race([next, delay(1500).then(() => 'nothing yet')]);
        expect(await settled).toBe('nothing yet');
        expect(isFree).toBe(false);
        await two.unlock(lasting, call());
        await free;
        expect(signal.aborted).toBe(false);

        const grant = held(await two.lock(lockOf('a'), call()));
        await two.unlock(grant, { ...call(), record: { ...recordOf(grant), version: 2 } });
        expect(await next).toEqual({ done: false, value: 'changed' });
        await watch?.return?.();
      } finally {
        await servers.end();
        await own.stop();
      }
    });
  });
});
