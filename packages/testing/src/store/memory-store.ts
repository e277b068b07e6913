import { type Capabilities, invalidRange, requireKnown, requireName } from '@autocluster/core/backend';
import { type CancelTimer, type Runtime, systemRuntime } from '@autocluster/core/runtime';
import { type Random, seededRandom } from '../time/index.js';
import { FULL_CAPABILITIES } from './capabilities.js';
import { type ClientPort, type MemoryClient, SimulatedClient } from './client.js';
import { type ClientFaults, type Fault, FaultRules, type FaultScope } from './faults.js';
import type { StoreEvent } from './history.js';
import { Line, type Latency } from './line.js';
import type { Namespace } from './namespace.js';
import { operatorOf, type StoreCluster } from './operator.js';
import { type StoreSnapshot, StoreState } from './state.js';

export interface MemoryStoreOptions {
  /** The store's own clock, timers and randomness: `simulateTime(…).runtime`. Default: the real ones of this process. */
  readonly runtime?: Runtime;
  /** Decides latencies, staleness and chances. Default: drawn from `runtime`. */
  readonly seed?: number | string;
  /** What the store can do less, or otherwise, than {@link FULL_CAPABILITIES}. It behaves accordingly. */
  readonly capabilities?: Partial<Capabilities>;
  /** With `listConsistency: 'eventual'`: how late a list may be, in ms. Default 1000. */
  readonly stalenessMs?: number;
  /** How long nobody gets a lock that expired, in ms. Part of `capabilities.takeover.latest`. Default 0. */
  readonly lockDelayMs?: number;
  /** Told of every change as it happens; an expiry, when somebody looks. */
  readonly onEvent?: (event: StoreEvent) => void;
}

export interface ClientOptions {
  readonly cluster: string;
  /** For `store.faults(id)`. Default `c1`, `c2`, … */
  readonly id?: string;
  /** The process that it runs in. Default: the store's runtime. */
  readonly runtime?: Runtime;
  /** Default: none, so that every verb settles without a timer. */
  readonly latency?: Latency;
  /** What this client says about the store, true or not. Default: the truth. */
  readonly capabilities?: Partial<Capabilities>;
}

/**
 * A store in memory that keeps the whole contract of a backend, for many clients at once: linearizable, with fenced
 * locks and expiry by its own clock. It is the reference that other stores are compared with.
 */
export interface MemoryStore {
  readonly capabilities: Capabilities;
  /** Identity of the store; a wiped one has another. */
  readonly identity: string;
  /** Number of the last change. */
  readonly revision: bigint;
  /** Everything that happened, in order, up to now. */
  readonly history: readonly StoreEvent[];
  readonly clients: readonly MemoryClient[];
  client(options: ClientOptions): MemoryClient;
  /** Faults of the client with this id. */
  faults(clientId: string): ClientFaults;
  /** A fault on the way of every client, later ones too. The function that it answers ends it. */
  inject(fault: Fault & FaultScope): () => void;
  /** What somebody does by hand, and what the cluster's part of the store truly holds. */
  cluster(name: string): StoreCluster;
  /** Everything is gone; the store has another identity, and tokens begin again. */
  wipe(): void;
  /** Every entry and lock lives this much longer than its TTL says, as after a change of the leader. */
  prolong(byMs: number): void;
  /** Other limits of TTLs from now on than the store says it has. */
  limitTtl(limits: Capabilities['ttl']): void;
  snapshot(): StoreSnapshot;
  /** Back to a backup: revision and tokens fall, the dead are back, every TTL starts again. */
  restore(snapshot: StoreSnapshot): void;
}

const OPTIONS = ['runtime', 'seed', 'capabilities', 'stalenessMs', 'lockDelayMs', 'onEvent'];
const CLIENT_OPTIONS = ['cluster', 'id', 'runtime', 'latency', 'capabilities'];

/** So that no token of one store is one of the other. */
const ELSEWHERE_REVISION = 1_000_000;

class Store implements MemoryStore, ClientPort {
  readonly capabilities: Capabilities;
  readonly stalenessMs: number;
  readonly random: Random;
  readonly clients: SimulatedClient[] = [];
  readonly #runtime: Runtime;
  readonly #state: StoreState;
  /** Who is sent elsewhere meets this one. */
  readonly #other: StoreState;
  readonly #rules: FaultRules;
  #sequence = 0;
  #listeners = 0;
  #alarmMs = Number.POSITIVE_INFINITY;
  #cancelAlarm: CancelTimer = () => undefined;

  constructor(options: MemoryStoreOptions) {
    requireKnown(options, OPTIONS, 'memoryStore');
    const { runtime = systemRuntime, seed, capabilities = {}, stalenessMs = 1000, lockDelayMs = 0 } = options;
    this.#runtime = runtime;
    this.random = seededRandom(seed ?? runtime.random());
    this.capabilities = Object.freeze({ ...FULL_CAPABILITIES, ...capabilities });
    this.stalenessMs = stalenessMs;
    this.#rules = new FaultRules(this.random.fork('faults'));
    const { onEvent } = options;
    const parts = { capabilities: this.capabilities, lockDelayMs, random: this.random.fork('expiry') };
    this.#state = new StoreState({ ...parts, onEvent });
    this.#other = new StoreState({ ...parts, onEvent: undefined });
    this.#other.identity = 'elsewhere';
    this.#other.revision = ELSEWHERE_REVISION;
  }

  get identity(): string {
    return this.#state.identity;
  }

  get revision(): bigint {
    this.#expire();
    return BigInt(this.#state.revision);
  }

  get history(): readonly StoreEvent[] {
    this.#expire();
    return this.#state.history;
  }

  client(options: ClientOptions): MemoryClient {
    requireKnown(options, CLIENT_OPTIONS, 'client');
    const { id = `c${this.clients.length + 1}`, runtime = this.#runtime, latency = {} } = options;
    const cluster = requireName('cluster', options.cluster);
    const random = this.random.fork(`client ${id}`);
    const rules = [new FaultRules(random.fork('faults')), this.#rules] as const;
    const line = new Line({ world: this.#runtime, own: runtime, latency, random, rules });
    const capabilities = Object.freeze({ ...this.capabilities, ...options.capabilities });
    const client = new SimulatedClient({ id, cluster, capabilities, line, port: this });
    this.clients.push(client);
    return client;
  }

  faults(clientId: string): ClientFaults {
    const client = this.clients.findLast(({ id }) => id === clientId);
    if (!client) throw invalidRange('clientId', clientId, this.clients.map(({ id }) => id).join(' | '));
    return client.faults;
  }

  inject(fault: Fault & FaultScope): () => void {
    return this.#rules.inject(fault);
  }

  cluster(name: string): StoreCluster {
    return operatorOf((work) => this.visit(name, work));
  }

  wipe(): void {
    this.#state.wipe(this.#nowMs());
  }

  prolong(byMs: number): void {
    this.#state.prolong(byMs, this.#nowMs());
  }

  limitTtl(limits: Capabilities['ttl']): void {
    this.#state.ttl = limits;
  }

  snapshot(): StoreSnapshot {
    return this.#state.snapshot(this.#nowMs());
  }

  restore(snapshot: StoreSnapshot): void {
    this.#state.restore(snapshot, this.#nowMs());
    this.#arm();
  }

  nextSequence(): number {
    this.#sequence += 1;
    return this.#sequence;
  }

  visit<T>(cluster: string, work: (space: Namespace, nowMs: number) => T): T {
    const nowMs = this.#expire();
    const answer = work(this.#state.namespace(cluster), nowMs);
    if (this.#listeners > 0) this.#arm();
    return answer;
  }

  visitElsewhere<T>(cluster: string, work: (space: Namespace, nowMs: number) => T): T {
    const nowMs = this.#nowMs();
    this.#other.expire(nowMs);
    return work(this.#other.namespace(cluster), nowMs);
  }

  get elsewhere(): string {
    return this.#other.identity;
  }

  subscribe(cluster: string, listener: () => void): () => void {
    this.#state.namespace(cluster).listeners.add(listener);
    this.#listeners += 1;
    this.#arm();
    return () => {
      if (!this.#state.namespace(cluster).listeners.delete(listener)) return;
      this.#listeners -= 1;
      if (this.#listeners === 0) this.#disarm();
    };
  }

  #nowMs(): number {
    return this.#runtime.clock.monotonicMs();
  }

  #expire(): number {
    const nowMs = this.#nowMs();
    this.#state.expire(nowMs);
    return nowMs;
  }

  /** Expiry happens when somebody looks, unless somebody waits to be told. */
  #arm(): void {
    if (this.#listeners === 0) return;
    const nextMs = Math.min(...[...this.#state.namespaces.values()].map((space) => space.nextExpiryMs));
    if (nextMs >= this.#alarmMs) return;
    this.#disarm();
    if (nextMs === Number.POSITIVE_INFINITY) return;
    this.#alarmMs = nextMs;
    this.#cancelAlarm = this.#runtime.after(nextMs - this.#nowMs(), () => {
      this.#alarmMs = Number.POSITIVE_INFINITY;
      this.#expire();
      this.#arm();
    });
  }

  #disarm(): void {
    this.#cancelAlarm();
    this.#alarmMs = Number.POSITIVE_INFINITY;
  }
}

/** See {@link MemoryStore}. */
export function memoryStore(options: MemoryStoreOptions = {}): MemoryStore {
  return new Store(options);
}
