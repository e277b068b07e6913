import {
  type ClusterDriver,
  type ClusterIdentity,
  type ClusterRecord,
  type NodeId,
  requireKnown,
  requireName,
} from '@autocluster/core/driver';
import type { Runtime } from '@autocluster/core/runtime';
import { type Random, seededRandom } from '../time/index.js';
import type { DaemonState, Disk } from './disk.js';
import { type DriverTraits, SimulatedDriver } from './driver.js';
import { DriverFaultRules, type DriverFaults, type DriverVerb } from './driver-faults.js';
import type { DaemonEvent } from './history.js';
import { Universe } from './universe.js';

export interface DaemonWorldOptions extends Partial<DriverTraits> {
  /** True time: `simulateTime(…).runtime`. */
  readonly runtime: Runtime;
  /** Decides chances. Default: drawn from `runtime`. */
  readonly seed?: number | string;
  /** How long each step of a verb takes, in ms: a number for all, or by verb. A join has five. Default 0. */
  readonly stepMs?: number | Partial<Record<DriverVerb, number>>;
  /** Told of everything as it happens. */
  readonly onEvent?: (event: DaemonEvent) => void;
}

/** A daemon that lives on whatever becomes of the process that supervises it, and the driver to it. */
export interface SimulatedDaemon extends Required<ClusterDriver> {
  readonly faults: DriverFaults;
  /** What is true of it now. */
  inspect(): DaemonState;
  /** The driver as a process has it: while that is halted or dead, nothing goes on between two steps. */
  inProcess(runtime: Runtime): Required<ClusterDriver>;
  /** Its process ends; others see it `down`. Data stays, unless `data` is `none`. */
  stop(): void;
  /** The whole machine is gone; others see it `unknown`. */
  powerOff(): void;
  /** Runs again, with the data that is left. */
  start(): void;
  /** Its data is gone, as after a change of the disk; work in progress fails. Whether it runs does not change. */
  wipe(): void;
  /** Its data is what it once was, as after a restored backup of its disk; work in progress fails. */
  putDisk(disk: Disk): void;
  /** Its own view of the members becomes another one, and nobody else's does. */
  setView(members: readonly NodeId[]): void;
  /** What it says about being ready to serve. Default true. */
  setReady(ready: boolean): void;
}

/** Daemons that form a cluster of their own, each with its own view of it. */
export interface DaemonWorld {
  /** Everything that truly happened, in order. */
  readonly history: readonly DaemonEvent[];
  readonly daemons: readonly SimulatedDaemon[];
  /** The daemon of that name; the same one each time. It runs and is blank at first. */
  daemon(node: NodeId): SimulatedDaemon;
  /** Makes these daemons a cluster that was there before us; with a record: one that is committed. */
  existingCluster(nodes: readonly NodeId[], record?: ClusterRecord): void;
  /** Whether both run in one cluster, in the view of the first, and can talk with each other. */
  reaches(from: NodeId, to: NodeId): boolean;
  /** Nobody of one group reaches anybody of another. */
  partition(groups: readonly (readonly NodeId[])[]): void;
  /** Messages of one direction are lost. */
  cut(from: NodeId, to: NodeId): void;
  /** Every link works again. `scars`: daemons report the partition until they restart. Default: they forget it. */
  heal(options?: { readonly scars?: boolean }): void;
}

const OPTIONS = ['runtime', 'seed', 'stepMs', 'data', 'views', 'concurrentJoins', 'onEvent'];

class Daemon extends SimulatedDriver implements SimulatedDaemon {
  readonly faults: DriverFaultRules;
  readonly #universe: Universe;
  readonly #traits: DriverTraits;
  readonly #stepMs: (verb: DriverVerb) => number;

  constructor(node: NodeId, universe: Universe, traits: DriverTraits, options: DaemonOptions) {
    const rules = new DriverFaultRules(options.random.fork(node));
    super({ universe, node, runtime: universe.runtime, rules, stepMs: options.stepMs }, traits);
    this.faults = rules;
    this.#universe = universe;
    this.#traits = traits;
    this.#stepMs = options.stepMs;
  }

  inspect(): DaemonState {
    return this.#universe.state(this.self());
  }

  inProcess(runtime: Runtime): Required<ClusterDriver> {
    const [universe, node, rules, stepMs] = [this.#universe, this.self(), this.faults, this.#stepMs];
    return new SimulatedDriver({ universe, node, runtime, rules, stepMs }, this.#traits);
  }

  stop(): void {
    this.#halt('stopped');
    this.#universe.note({ kind: 'stopped', node: this.self() });
  }

  powerOff(): void {
    this.#halt('off');
    this.#universe.note({ kind: 'powered-off', node: this.self() });
  }

  start(): void {
    const { power, run } = this.inspect();
    if (power === 'running') return;
    this.#universe.change(this.self(), { power: 'running', run: run + 1, scars: [] });
    this.#universe.note({ kind: 'started', node: this.self() });
    this.#universe.sync();
  }

  wipe(): void {
    this.#universe.change(this.self(), { run: this.inspect().run + 1 });
    this.#universe.wipe(this.self());
    this.#universe.note({ kind: 'wiped', node: this.self() });
  }

  putDisk(disk: Disk): void {
    this.#universe.change(this.self(), { run: this.inspect().run + 1 });
    this.#universe.write(this.self(), disk);
    this.#universe.note({ kind: 'disk-replaced', node: this.self() });
  }

  setView(members: readonly NodeId[]): void {
    this.#universe.write(this.self(), { members });
    this.#universe.note({ kind: 'view-replaced', node: this.self() });
  }

  setReady(ready: boolean): void {
    this.#universe.change(this.self(), { ready });
  }

  #halt(power: 'stopped' | 'off'): void {
    this.#universe.change(this.self(), { power });
    if (this.data === 'none') this.#universe.wipe(this.self());
  }
}

interface DaemonOptions {
  readonly random: Random;
  readonly stepMs: (verb: DriverVerb) => number;
}

class World implements DaemonWorld {
  readonly #universe: Universe;
  readonly #traits: DriverTraits;
  readonly #options: DaemonOptions;
  readonly #daemons = new Map<NodeId, Daemon>();
  #groups: readonly (readonly NodeId[])[] = [];

  constructor(options: DaemonWorldOptions) {
    requireKnown(options, OPTIONS, 'daemonWorld');
    const { runtime, seed, stepMs = 0, data = 'durable', views = 'peer', concurrentJoins = true, onEvent } = options;
    this.#universe = new Universe(runtime, onEvent);
    this.#traits = { data, views, concurrentJoins };
    const stepOf = (verb: DriverVerb) => (typeof stepMs === 'number' ? stepMs : (stepMs[verb] ?? 0));
    this.#options = { random: seededRandom(seed ?? runtime.random()), stepMs: stepOf };
  }

  get history(): readonly DaemonEvent[] {
    return this.#universe.history;
  }

  get daemons(): readonly SimulatedDaemon[] {
    return [...this.#daemons.values()];
  }

  daemon(node: NodeId): SimulatedDaemon {
    let daemon = this.#daemons.get(requireName('node', node));
    if (!daemon) {
      daemon = new Daemon(node, this.#universe, this.#traits, this.#options);
      this.#daemons.set(node, daemon);
      this.#universe.state(node);
    }
    return daemon;
  }

  existingCluster(nodes: readonly NodeId[], record?: ClusterRecord): void {
    const cluster = this.#universe.newCluster();
    const named = record && ({ kind: 'committed', ...identityOf(record) } as const);
    const identity = named ?? ({ kind: 'unnamed', interruptedJoin: false } as const);
    for (const node of nodes) {
      this.daemon(node);
      this.#universe.write(node, { cluster, identity, members: [...nodes], version: 1, kept: record });
    }
  }

  reaches(from: NodeId, to: NodeId): boolean {
    return this.#universe.reachable(this.#universe.state(from)).some(({ node }) => node === to && node !== from);
  }

  partition(groups: readonly (readonly NodeId[])[]): void {
    this.#groups = groups;
    this.#universe.network.partition(groups);
    this.#universe.note({ kind: 'partitioned', groups });
  }

  cut(from: NodeId, to: NodeId): void {
    this.#universe.network.cut(from, to);
    this.#universe.note({ kind: 'partitioned', groups: [[from], [to]] });
  }

  heal({ scars = false }: { readonly scars?: boolean } = {}): void {
    this.#universe.network.heal();
    if (scars) for (const node of this.#groups.flat()) this.#universe.change(node, { scars: this.#groups });
    this.#universe.note({ kind: 'healed', groups: this.#groups });
    this.#groups = [];
    this.#universe.sync();
  }
}

const identityOf = ({ clusterId, generation }: ClusterIdentity): ClusterIdentity => ({ clusterId, generation });

/** See {@link DaemonWorld}. */
export function daemonWorld(options: DaemonWorldOptions): DaemonWorld {
  return new World(options);
}
