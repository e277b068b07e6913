import {
  type ClusterDriver,
  type ClusterEvent,
  type ClusterNode,
  type ClusterNodeOptions,
  createClusterNode,
  processDriver,
} from '@autocluster/core';
import type { Backend, Capabilities } from '@autocluster/core/backend';
import {
  daemonWorld,
  type DaemonWorldOptions,
  type Latency,
  memoryStore,
  type MemoryStore,
  simulateTime,
  type SimulatedProcess,
  type SimulatedTime,
} from '@autocluster/testing';

export interface Told extends ClusterEvent {
  readonly node: string;
  readonly atMs: number;
}

export interface LaunchOptions extends Partial<Omit<ClusterNodeOptions, 'backend' | 'onEvent'>> {
  readonly latency?: Latency;
  readonly cluster?: string;
  /** Its way to the store, for a node that comes back while the requests of its earlier run may still arrive. Default: its name. */
  readonly client?: string;
  /** What the node has of its way to the store. Default: all of it. */
  readonly through?: (client: Backend) => Backend;
  /** Its own clock and timers, for a node that is paused. Default: those of the world. */
  readonly runtime?: SimulatedProcess;
}

/** The same, of which some does something else. */
export function over<T extends object>(target: T, changed: Partial<T>): T {
  const both = (key: string | symbol): unknown => Reflect.get(Reflect.has(changed, key) ? changed : target, key);
  return new Proxy(target, {
    get: (_target, key) => {
      const value = both(key);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** A store, a clock and the nodes of one test. */
export class World {
  readonly time: SimulatedTime;
  readonly store: MemoryStore;
  readonly nodes = new Map<string, ClusterNode>();
  readonly told: Told[] = [];
  readonly failures = new Map<string, unknown>();
  readonly seed: number;

  constructor(seed = 1, capabilities: Partial<Capabilities> = {}) {
    this.seed = seed;
    this.time = simulateTime({ seed });
    this.store = memoryStore({ runtime: this.time.runtime, seed, capabilities });
  }

  get cluster() {
    return this.store.cluster('demo').inspect();
  }

  daemons(options: Pick<DaemonWorldOptions, 'concurrentJoins' | 'stepMs'> = {}) {
    return daemonWorld({ runtime: this.time.runtime, seed: this.seed, data: 'durable', views: 'peer', ...options });
  }

  /** Makes a node and starts it; what becomes of the start is in `failures` or in its state. */
  launch(
    name: string,
    {
      latency,
      cluster = 'demo',
      client = name,
      through = (way) => way,
      runtime,
      driver,
      ...options
    }: LaunchOptions = {},
  ): ClusterNode {
    const way = { ...(latency !== undefined && { latency }), ...(runtime !== undefined && { runtime }) };
    const backend = through(this.store.client({ cluster, id: client, ...way }));
    const node = createClusterNode(
      {
        backend,
        driver: driver ?? this.process(name),
        onEvent: (event) => this.told.push({ ...event, node: name, atMs: this.time.nowMs }),
        ...options,
      },
      runtime ?? this.time.runtime,
    );
    this.nodes.set(name, node);
    void node.start().catch((error: unknown) => this.failures.set(name, error));
    return node;
  }

  process(name: string, more: Parameters<typeof processDriver>[0] = {}): ClusterDriver {
    return processDriver({ node: name, ...more });
  }

  faults(name: string) {
    return this.store.faults(name);
  }

  stateOf(name: string): string {
    const state = this.nodes.get(name)?.state;
    return state?.kind === 'waiting' ? `waiting ${state.reason}` : (state?.kind ?? 'none');
  }

  until(condition: () => boolean, limitMs = 300_000): Promise<void> {
    return this.time.runUntil(condition, { limitMs }).catch((error: unknown) => {
      throw new Error(
        `seed ${this.seed}: ${[...this.nodes.keys()].map((each) => `${each} ${this.stateOf(each)}`).join(', ')}`,
        {
          cause: error,
        },
      );
    });
  }

  formed(...names: string[]): Promise<void> {
    return this.until(() => names.every((name) => this.stateOf(name) === 'formed'));
  }

  /** The store never hears of this node again, and it hears of nothing: it is gone without a word. */
  crash(name: string): void {
    this.faults(name).inject({ kind: 'drop-request' });
    this.nodes.delete(name);
  }

  events(name: ClusterEvent['name'], node?: string): readonly Told[] {
    return this.told.filter((each) => each.name === name && (node === undefined || each.node === node));
  }

  /** Every cluster that a node of this world is or was formed in. */
  get clusters(): ReadonlySet<string> {
    const identities = this.events('state.changed').flatMap(({ data }) =>
      data['kind'] === 'formed' ? [data['identity']] : [],
    );
    return new Set(identities.map((identity) => JSON.stringify(identity)));
  }

  get creators(): number {
    return this.events('state.changed').filter(({ data }) => data['kind'] === 'formed' && data['role'] === 'creator')
      .length;
  }

  /** Runs something that needs time to pass. */
  async settle<T>(work: Promise<T>, limitMs = 60_000): Promise<T> {
    let settled = false;
    const watched = work.finally(() => (settled = true));
    watched.catch(() => undefined);
    await this.until(() => settled, limitMs);
    return watched;
  }
}
