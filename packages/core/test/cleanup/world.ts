import {
  type CleanupOptions,
  type CleanupPlan,
  type ClusterNode,
  type ClusterNodeOptions,
  createClusterNode,
} from '@autocluster/core';
import type { Capabilities, ClusterRecord } from '@autocluster/core/backend';
import type { DaemonWorld, Latency, SimulatedDaemon, SimulatedProcess } from '@autocluster/testing';
import { World } from '../node/kit.js';

/** Short, and as far from each other as the defaults are. */
export const CLEANUP: CleanupOptions = { mode: 'remove', intervalMs: 15_000, restartMs: 10_000 };
export const GRACE_MS = 45_000;
/** Longer than registration, grace and every look together: whoever is to be removed is removed by then. */
export const LONG_MS = 30_000 + GRACE_MS + 10 * 15_000;

type NodeOptions = Partial<Omit<ClusterNodeOptions, 'onEvent'>>;

/** Durable daemons with a node each, every node in a process of its own; some of them are lost. */
export class CleanupWorld extends World {
  readonly processes = new Map<string, SimulatedProcess>();
  readonly #world: DaemonWorld = this.daemons();
  readonly #options: NodeOptions;
  #latency: Latency | undefined;

  constructor(options: NodeOptions = {}, seed = 1, capabilities: Partial<Capabilities> = {}) {
    super(seed, capabilities);
    this.#options = options;
  }

  /** So many formed nodes: n1, n2, … */
  static async of(
    count: number,
    cleanup: CleanupOptions = {},
    options: NodeOptions = {},
    latency?: Latency,
  ): Promise<CleanupWorld> {
    const world = new CleanupWorld({ cleanup: { ...CLEANUP, ...cleanup }, ...options });
    world.#latency = latency;
    await world.grow(1, count);
    return world;
  }

  /** Nodes from one number to another join. */
  async grow(first: number, last: number): Promise<void> {
    const names = Array.from({ length: last - first + 1 }, (_, index) => `n${first + index}`);
    for (const name of names) this.boot(name);
    await this.formed(...names);
    await this.until(() => (this.record?.size ?? 0) >= this.membersOf(names[0] ?? '').length);
  }

  get network(): DaemonWorld {
    return this.#world;
  }

  daemon(name: string): SimulatedDaemon {
    return this.#world.daemon(name);
  }

  /** A new supervisor, and its daemon if that does not run. */
  boot(name: string, options: NodeOptions = {}): ClusterNode {
    this.daemon(name).start();
    const process = this.time.process();
    this.processes.set(name, process);
    const node = createClusterNode(
      {
        backend: this.store.client({ cluster: 'demo', id: name, runtime: process, latency: this.#latency ?? {} }),
        driver: this.daemon(name).inProcess(process),
        onEvent: (event) => this.told.push({ ...event, node: name, atMs: this.time.nowMs }),
        ...this.#options,
        ...options,
      },
      process,
    );
    this.nodes.set(name, node);
    this.failures.delete(name);
    void node.start().catch((error: unknown) => this.failures.set(name, error));
    return node;
  }

  override process(): never {
    throw new Error('these nodes have daemons');
  }

  processOf(name: string): SimulatedProcess {
    const process = this.processes.get(name);
    if (!process) throw new Error(`no process ${name}`);
    return process;
  }

  /** The machine is gone: daemon and supervisor. Answers when. */
  lose(...names: string[]): number {
    for (const name of names) {
      this.daemon(name).powerOff();
      this.processOf(name).crash();
      this.nodes.delete(name);
    }
    return this.time.nowMs;
  }

  /** Daemon and supervisor end in an orderly way. */
  async shutDown(name: string): Promise<void> {
    await this.settle(this.node(name).stop());
    this.daemon(name).stop();
    this.nodes.delete(name);
  }

  /** Nobody reaches it and it reaches nobody, the store included; it runs all the same. */
  cutOff(name: string, others: readonly string[]): void {
    this.faults(name).inject({ kind: 'drop-request' });
    for (const other of others) {
      this.network.cut(name, other);
      this.network.cut(other, name);
    }
  }

  node(name: string): ClusterNode {
    const node = this.nodes.get(name);
    if (!node) throw new Error(`no node ${name}`);
    return node;
  }

  /** The one node that cleans up. */
  get executor(): ClusterNode {
    const name = [...this.nodes.keys()].find((each) => this.nodes.get(each)?.cleanup.status.executor === each);
    return this.node(name ?? 'that is the executor');
  }

  get executorName(): string {
    return this.executor.cleanup.status.executor ?? '';
  }

  get record(): ClusterRecord | undefined {
    const { record } = this.cluster;
    return record.kind === 'present' ? record.record : undefined;
  }

  /** Who was forgotten, in order. */
  get removed(): readonly string[] {
    return this.#world.history.flatMap((fact) => (fact.kind === 'forgotten' ? [fact.node] : []));
  }

  membersOf(name: string): readonly string[] {
    return this.daemon(name).inspect().disk.members.toSorted();
  }

  /** Time for everything that is going to happen. */
  wait(ms: number = LONG_MS): Promise<void> {
    return this.time.advance(ms);
  }

  /** What the executor would do, and which brakes hold it. */
  async plan(): Promise<CleanupPlan & { readonly brakes: readonly string[] }> {
    const plan = await this.settle(this.executor.cleanup.plan());
    return { ...plan, brakes: plan.heldBy.map(({ brake }) => brake) };
  }
}
