import { type ClusterNode, createClusterNode } from '@autocluster/core';
import { systemRuntime } from '@autocluster/core/runtime';
import { type DaemonWorld, daemonWorld } from '@autocluster/testing';
import { beforeAll, describe, expect, test } from 'vitest';
import { makeMachine, makePod, makeService, removePod, setReady } from '../../../test/backends/kubernetes.js';
import { until } from '../../../test/servers/harness/index.js';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import { freshCluster, type SharedServer, sharedServer } from './support.js';

const SLOW = { withinMs: 45_000 };
const REPLICAS = 3;
let addresses = 0;

/** A StatefulSet, or a Deployment, as its controller and the kubelets would run it: pods, and in each a daemon with a node. */
class Pods {
  readonly service = freshCluster();
  readonly #shared: SharedServer;
  readonly #byAddress: boolean;
  /** Daemons with data of their own, which stays when their pod goes. */
  readonly #daemons: DaemonWorld = daemonWorld({ runtime: systemRuntime, data: 'durable', views: 'peer' });
  readonly #running = new Map<number, { readonly node: ClusterNode; readonly name: string }>();

  constructor(shared: SharedServer, names: 'hostname' | 'ip') {
    this.#shared = shared;
    this.#byAddress = names === 'ip';
  }

  async open(): Promise<this> {
    await makeService(this.#shared.server, this.service);
    return this;
  }

  get nodes(): readonly ClusterNode[] {
    return [...this.#running.values()].map(({ node }) => node);
  }

  async start(ordinal: number): Promise<ClusterNode> {
    const { service } = this;
    addresses += 1;
    const [name, ip] = [`${service}-${ordinal}`, `10.2.${Math.floor(addresses / 200)}.${(addresses % 200) + 1}`];
    const named = this.#byAddress ? {} : { hostname: name };
    const pod = { name, service, ips: [ip], ready: false, ...named };
    await makePod(this.#shared.server, pod);
    const daemon = this.#daemons.daemon(this.#byAddress ? ip : name);
    daemon.start();
    const members = { service, checkName: false, address: this.#byAddress ? 'ip' : 'hostname' } as const;
    const backend = this.#shared.backend(this.#shared.options({ cluster: service, members }));
    const node = createClusterNode({ backend, driver: daemon, ttlMs: 3000 });
    this.#running.set(ordinal, { node, name: daemon.self() });
    // What becomes of it is in its state; readiness is what its probe would say.
    node.start().then(
      () => setReady(this.#shared.server, pod, true),
      () => undefined,
    );
    return node;
  }

  async stop(ordinal: number): Promise<void> {
    const running = this.#running.get(ordinal);
    this.#running.delete(ordinal);
    await running?.node.stop();
    if (running) this.#daemons.daemon(running.name).stop();
    await removePod(this.#shared.server, `${this.service}-${ordinal}`);
  }

  /** All at once, or each only when the one before is ready. */
  async startAll(policy: 'Parallel' | 'OrderedReady'): Promise<void> {
    const ordinals = Array.from({ length: REPLICAS }, (_, ordinal) => ordinal);
    if (policy === 'Parallel') await Promise.all(ordinals.map((ordinal) => this.start(ordinal)));
    else {
      for (const ordinal of ordinals) {
        const node = await this.start(ordinal);
        await until(`pod ${ordinal} is formed`, () => node.state.kind === 'formed', SLOW);
      }
    }
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#running.keys()].map((ordinal) => this.stop(ordinal)));
  }

  /** The one cluster in which all are, by their own word and by that of their daemons. */
  async cluster(): Promise<string> {
    const idOf = ({ state }: ClusterNode) => (state.kind === 'formed' ? state.identity.clusterId : undefined);
    await until('all are formed', () => this.nodes.every((node) => idOf(node) !== undefined), SLOW);
    const [id, ...others] = new Set(this.nodes.map(idOf));
    const data = new Set(
      [...this.#running.values()].map(({ name }) => this.#daemons.daemon(name).inspect().disk.cluster),
    );
    if (id === undefined || others.length > 0 || data.size !== 1)
      throw new Error(`not one cluster: ${[id, ...others].join()}`);
    return id;
  }
}

serverSuite(['kube-apiserver', 'kube-controller-manager', 'etcd'], 'kubernetes: pods that form a cluster', () => {
  const shared = sharedServer({ controllers: true });
  beforeAll(() => makeMachine(shared.server));

  async function withPods(names: 'hostname' | 'ip', run: (pods: Pods) => Promise<void>): Promise<void> {
    const pods = await new Pods(shared, names).open();
    try {
      await run(pods);
    } finally {
      await pods.stopAll();
    }
  }

  describe.concurrent('start', () => {
    test.each(Array.from({ length: 5 }, (_, round) => round + 1))(
      'S7, S8: all pods of a StatefulSet at once are one cluster (round %i)',
      () =>
        withPods('hostname', async (pods) => {
          await pods.startAll('Parallel');
          await pods.cluster();
        }),
    );

    test('S6: all pods of a Deployment at once, named by their addresses', () =>
      withPods('ip', async (pods) => {
        await pods.startAll('Parallel');
        await pods.cluster();
      }));

    test('S8: one pod after the other, each when the one before is ready', () =>
      withPods('hostname', async (pods) => {
        await pods.startAll('OrderedReady');
        await pods.cluster();
      }));
  });

  describe.concurrent('restart', () => {
    test.each(['Parallel', 'OrderedReady'] as const)('S58: one pod after the other is replaced (%s)', (policy) =>
      withPods('hostname', async (pods) => {
        await pods.startAll(policy);
        const id = await pods.cluster();
        for (const ordinal of [2, 1, 0]) {
          await pods.stop(ordinal);
          await pods.start(ordinal);
          expect(await pods.cluster()).toBe(id);
        }
      }),
    );

    test.each(['Parallel', 'OrderedReady'] as const)(
      'S59: all pods are deleted and come back with their data (%s)',
      (policy) =>
        withPods('hostname', async (pods) => {
          await pods.startAll('Parallel');
          const id = await pods.cluster();
          await pods.stopAll();
          await pods.startAll(policy);
          expect(await pods.cluster()).toBe(id);
        }),
    );
  });
});
