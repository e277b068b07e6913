import {
  type ClusterDriver,
  type ClusterEvent,
  type ClusterIdentity,
  isClusterError,
  type Timing,
} from '@autocluster/core';
import type { LocalIdentity } from '@autocluster/core/driver';
import type { Runtime } from '@autocluster/core/runtime';
import { type DaemonWorld, daemonWorld, type DriverFault, type DriverFaultScope } from '../daemon/index.js';
import {
  type Fault,
  type FaultScope,
  type MemoryStore,
  memoryStore,
  type StoreCluster,
  type StoreEvent,
} from '../store/index.js';
import { type Random, seededRandom, type SimulatedTime, simulateTime } from '../time/index.js';
import { Actor } from './actor.js';
import { Audience, nobody, type Trap } from './audience.js';
import { checkUp } from './checkups.js';
import type { Listener, NodeFact } from './facts.js';
import { workInTurns } from './jobs.js';
import { Machines } from './machines.js';
import { makeNode, type NodeTraits, optionsOf, processOf, timingOf } from './nodes.js';
import { nodesOf, type Plan, type Traits } from './plan.js';
import { storeOptions } from './store-kinds.js';
import { Truth } from './truth.js';

export const CLUSTER = 'sim';

/** Makes the driver of a node; for programs that bring their own. */
export type DriverMaker = (node: string, runtime: Runtime) => ClusterDriver;

export interface StageOptions {
  readonly driver?: DriverMaker | undefined;
  readonly options?: NodeTraits | undefined;
}

/** Everything that one history happens on: time, store, daemons, processes, and who watches them. */
export class Stage {
  readonly plan: Plan;
  readonly traits: Traits;
  readonly time: SimulatedTime;
  readonly store: MemoryStore;
  readonly daemons: DaemonWorld;
  readonly names: readonly string[];
  /** Every run of every node, in the order of their launches. */
  readonly actors: Actor[] = [];
  readonly timing: Timing;
  readonly truth: Truth;
  /** Nodes whose daemon once did something that will never end. */
  readonly hung = new Set<string>();
  readonly machines = new Machines(this);
  readonly #audience = new Audience(this);
  readonly #options: StageOptions;
  readonly #random: Random;
  readonly #windows = new Set<() => void>();
  /** The run of each node that is alive, if there is one. */
  readonly #current = new Map<string, Actor>();
  #launchesAhead = 0;
  #launched = 0;

  constructor(plan: Plan, options: StageOptions = {}) {
    this.plan = plan;
    this.traits = plan.traits;
    this.#options = options;
    const { seed, traits } = plan;
    this.time = simulateTime({ seed });
    const { runtime } = this.time;
    this.#random = seededRandom(`${seed} stage`);
    this.names = nodesOf(traits);
    const onEvent = (event: StoreEvent) => {
      if (event.cluster === CLUSTER || event.cluster === '') this.#audience.store(event);
    };
    this.store = memoryStore({ runtime, seed, onEvent, ...storeOptions(traits.store) });
    this.daemons = daemonWorld({
      runtime,
      seed,
      concurrentJoins: traits.concurrentJoins,
      stepMs: traits.stepMs,
      onEvent: (event) => this.#audience.daemon(event),
    });
    this.truth = new Truth({
      now: () => this.nowMs,
      identityOf: (node) => this.identityOf(node),
      inspect: () => this.cluster.inspect(),
    });
    this.listen(this.truth);
    const backend = this.store.client({ cluster: CLUSTER, id: 'timing' });
    this.timing = timingOf({ backend, driver: this.#driverOf('n1', runtime), ...this.#nodeOptions() }, runtime);
  }

  get nowMs(): number {
    return this.time.nowMs;
  }

  get cluster(): StoreCluster {
    return this.store.cluster(CLUSTER);
  }

  get durable(): boolean {
    return this.traits.daemon === 'durable';
  }

  /** Launches that are still to come. */
  get launchesAhead(): number {
    return this.#launchesAhead;
  }

  listen(listener: Listener): void {
    this.#audience.listen(listener);
  }

  /** The run of this node that is alive. */
  current(name: string | undefined): Actor | undefined {
    return name === undefined ? undefined : this.#current.get(name);
  }

  get living(): readonly Actor[] {
    return [...this.#current.values()];
  }

  later(delayMs: number, task: () => void): void {
    this.time.runtime.after(delayMs, task);
  }

  /** Something that ends after a time, or when everything is healed. */
  during(forMs: number, end: () => void): void {
    const finish = () => {
      if (!this.#windows.delete(finish)) return;
      end();
    };
    this.#windows.add(finish);
    this.later(forMs, finish);
  }

  launchLater(name: string, delayMs: number): void {
    this.#launchesAhead += 1;
    this.later(delayMs, () => {
      this.#launchesAhead -= 1;
      if (!this.#current.has(name) && !this.machines.lost.has(name)) this.launch(name);
    });
  }

  /** Does something when this node, or any, sends the next such call, or when it has been answered. */
  atNext(call: Pick<Trap, 'verb' | 'node' | 'when'>, task: (actor: Actor) => void, withinMs: number): void {
    this.during(withinMs, this.#audience.set({ ...call, task }));
  }

  /** Tells it to stop, and starts it again when it has ended. */
  restart(actor: Actor, delayMs: number): void {
    this.#launchesAhead += 1;
    void actor.node.ended.then(() => {
      this.#launchesAhead -= 1;
      this.launchLater(actor.name, delayMs);
    });
    this.stop(actor);
  }

  /** `beside`: although another run of this node may be alive. `cluster`: another one is none of our business. */
  launch(name: string, { beside = false, cluster = CLUSTER } = {}): Actor {
    const { drift, latencyMs } = this.traits;
    const isOurs = cluster === CLUSTER;
    this.#launched += 1;
    const number = this.#launched;
    const process = this.time.process({ driftRate: 1 + (this.#random.next() * 2 - 1) * drift });
    const span = [0.2, Math.max(0.3, latencyMs)] as const;
    const latency = { requestMs: span, replyMs: span };
    const client = this.store.client({ cluster, id: `${name}.${number}`, runtime: process, latency });
    const onEvent = (actor: Actor, event: ClusterEvent) => {
      if (isOurs) this.tell(actor, { kind: 'event', event });
    };
    const recorder = isOurs ? this.#audience : nobody(this);
    const parts = { driver: this.#driverOf(name, process), recorder, options: this.#nodeOptions(), onEvent };
    const nodeOf = (actor: Actor) => makeNode(actor, parts);
    const actor = new Actor({ name, number, process, client, beside, nodeOf }, this.nowMs);
    if (isOurs) this.actors.push(actor);
    if (isOurs && !beside) this.#current.set(name, actor);
    if (isOurs) this.tell(actor, { kind: 'launched' });
    actor.node.start().catch((error: unknown) => this.#startFailed(actor, error, isOurs));
    void actor.node.ended.then(() => this.#ended(actor, isOurs));
    if (this.traits.jobs && isOurs) workInTurns(actor, this);
    if (this.traits.checkups && isOurs) void checkUp(actor, this);
    return actor;
  }

  /** SIGKILL: nothing of it is heard again. */
  crash(actor: Actor): void {
    actor.process.crash();
    actor.client.faults.inject({ kind: 'drop-request' });
    actor.crashed = true;
    actor.runningSinceMs = undefined;
    this.#gone(actor);
    this.tell(actor, { kind: 'crashed' });
  }

  /** SIGTERM. */
  stop(actor: Actor): void {
    this.#gone(actor);
    this.tell(actor, { kind: 'stopping' });
    void actor.node.stop();
  }

  halt(actor: Actor, how: 'pause' | 'suspend', forMs: number): void {
    actor.process[how]();
    actor.runningSinceMs = undefined;
    this.tell(actor, { kind: how === 'pause' ? 'paused' : 'suspended' });
    this.during(forMs, () => this.resume(actor));
  }

  resume(actor: Actor): void {
    if (actor.running || actor.crashed) return;
    actor.process.resume();
    actor.runningSinceMs = this.nowMs;
    actor.cleanSinceMs = this.nowMs;
    this.tell(actor, { kind: 'resumed' });
  }

  /** A fault on the calls of one node, or of all of them, for a time; counted when it strikes. */
  strikeCalls(fault: string, actor: Actor | 'all', what: Fault & FaultScope, forMs: number): void {
    const target = actor === 'all' ? this.store : actor.client.faults;
    const struck = actor === 'all' ? this.living : [actor];
    const onStrike = () => {
      for (const each of struck) each.cleanSinceMs = this.nowMs;
      this.struck(fault, actor === 'all' ? 'all' : actor.label);
    };
    const cancel = target.inject({ ...what, onStrike });
    this.during(forMs, cancel);
  }

  strikeDaemon(fault: string, name: string, what: DriverFault & DriverFaultScope, forMs: number): void {
    const onStrike = () => {
      if (what.kind === 'hang') this.hung.add(name);
      this.struck(fault, name);
    };
    this.during(forMs, this.daemons.daemon(name).faults.inject({ ...what, onStrike }));
  }

  struck(fault: string, about: string): void {
    this.#audience.struck(fault, about);
  }

  tell(actor: Actor, fact: NodeFact): void {
    this.#audience.tell(actor, fact);
  }

  /** What is true of a node's daemon. */
  identityOf(name: string): LocalIdentity {
    if (this.durable) return this.daemons.daemon(name).inspect().disk.identity;
    const mirrored = this.#current.get(name)?.mirrored ?? 'blank';
    if (typeof mirrored === 'object') return { kind: 'committed', ...mirrored };
    return mirrored === 'blank' ? { kind: 'blank' } : { kind: 'unnamed', interruptedJoin: false };
  }

  /** Whether what is true of this node's daemon can be told: of two processes that are their own daemons it cannot. */
  canTell(name: string): boolean {
    return this.durable || !this.actors.some((actor) => actor.beside && actor.name === name);
  }

  /** The cluster that this node's daemon is committed to. */
  committedTo(name: string): ClusterIdentity | undefined {
    const identity = this.identityOf(name);
    return identity.kind === 'committed' ? identity : undefined;
  }

  /** What {@link during} would end later ends now. */
  endWindows(): void {
    for (const end of this.#windows) end();
  }

  #gone(actor: Actor): void {
    actor.alive = false;
    if (this.#current.get(actor.name) === actor) this.#current.delete(actor.name);
  }

  #nodeOptions(): NodeTraits {
    return { ...optionsOf(this.traits), ...this.#options.options };
  }

  #driverOf(name: string, runtime: Runtime): ClusterDriver {
    if (this.#options.driver) return this.#options.driver(name, runtime);
    if (this.durable) return this.daemons.daemon(name).inProcess(runtime);
    return processOf(name, runtime, this.traits);
  }

  #startFailed(actor: Actor, error: unknown, isOurs: boolean): void {
    const code = isClusterError(error) ? error.code : 'unknown';
    actor.failure = { code, text: String(error) };
    if (isOurs) this.tell(actor, { kind: 'start-failed', code, text: String(error) });
  }

  #ended(actor: Actor, isOurs: boolean): void {
    actor.ended = true;
    this.#gone(actor);
    if (isOurs) this.tell(actor, { kind: 'ended' });
  }
}
