import {
  type ClusterEvent,
  type ClusterNode,
  type ClusterNodeOptions,
  createClusterNode,
  processDriver,
} from '@autocluster/core';
import { etcd } from '@autocluster/etcd';
import { until } from '../servers/harness/index.ts';

export interface Told extends ClusterEvent {
  readonly node: string;
}

/** Nodes in this process, on a real etcd: each has a client of its own. */
export class EtcdNodes {
  readonly nodes = new Map<string, ClusterNode>();
  readonly told: Told[] = [];
  readonly failures = new Map<string, unknown>();
  readonly cluster: string;
  readonly #hosts: readonly string[];

  constructor(cluster: string, hosts: readonly string[]) {
    this.cluster = cluster;
    this.#hosts = hosts;
  }

  launch(name: string, options: Partial<ClusterNodeOptions> = {}): ClusterNode {
    const node = createClusterNode({
      backend: etcd({ cluster: this.cluster, hosts: [...this.#hosts] }),
      driver: processDriver({ node: name }),
      ttlMs: 2_000,
      onEvent: (event) => this.told.push({ ...event, node: name }),
      ...options,
    });
    this.nodes.set(name, node);
    node.start().catch((error: unknown) => this.failures.set(name, error));
    return node;
  }

  stateOf(name: string): string {
    const state = this.nodes.get(name)?.state;
    return state?.kind === 'waiting' ? `waiting ${state.reason}` : (state?.kind ?? 'none');
  }

  reaches(name: string, state: string, timeoutMs = 20_000): Promise<unknown> {
    return until(`${name} is ${state}; now ${this.stateOf(name)}`, () => this.stateOf(name) === state, {
      withinMs: timeoutMs,
    });
  }

  async formed(...names: string[]): Promise<void> {
    await Promise.all(names.map((name) => this.reaches(name, 'formed')));
  }

  get identities(): ReadonlySet<string> {
    return new Set(
      [...this.nodes.values()].map(({ state }) => JSON.stringify('identity' in state ? state.identity : state.kind)),
    );
  }

  async stop(): Promise<void> {
    await Promise.all([...this.nodes.values()].map((node) => node.stop()));
  }
}
