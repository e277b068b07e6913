import type { Backend, Capabilities } from '@autocluster/core/backend';
import { orLate, pause, systemRuntime } from '@autocluster/core/runtime';
import { broken } from '../errors.js';
import type { BackendSubject, FaultPort, Operator } from '../subject.js';
import { openProxy, type Proxy } from '../wire/proxy.js';
import { type Client, clientOf } from './client.js';

const NEVER = new AbortController().signal;
const CLOSING_MS = 10_000;
const LIST_LAG_MS = 2000;
/** A shorter TTL would measure the machine that the kit runs on. */
const SHORTEST_TTL_MS = 3000;

/** What one case works with: a cluster name that nobody used before, two clients of it, and whatever else it asks for. */
export interface Space {
  readonly subject: BackendSubject;
  readonly capabilities: Capabilities;
  readonly cluster: string;
  readonly one: Client;
  readonly two: Client;
  readonly operator: Operator;
  /** The TTL to ask for, in ms, when the case waits for its end. */
  readonly ttlMs: number;
  /** A TTL that does not end during the case. */
  readonly longTtlMs: number;
  readonly callTimeoutMs: number;
  /** One more client, of this cluster unless told otherwise. */
  readonly client: (cluster?: string) => Promise<Client>;
  /** A client of credentials that lack the permission to read. */
  readonly forbidden: () => Promise<Client>;
  readonly sleep: (ms: number) => Promise<void>;
  readonly nowMs: () => number;
  /** Looks again and again until there is something; fails after `withinMs`. */
  readonly until: <T>(what: string, withinMs: number, look: () => Promise<T | undefined>) => Promise<T>;
}

export interface OpenSpace extends Space {
  /** Calls that have not settled in time, in words. */
  readonly late: readonly string[];
  readonly close: () => Promise<void>;
}

const nowMs = (): number => systemRuntime.clock.monotonicMs();
const sleep = (ms: number): Promise<void> => pause(systemRuntime, ms, NEVER);

async function until<T>(what: string, withinMs: number, look: () => Promise<T | undefined>): Promise<T> {
  const endMs = nowMs() + withinMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    if (nowMs() >= endMs) return broken(`not within ${Math.round(withinMs)} ms: ${what}`);
    await sleep(25);
  }
}

const noFaults = (): never => broken('this case uses faults and does not say that it needs a wire');

/** Opens clients, each behind a way of its own that can be disturbed, and closes them all in the end. */
class Clients {
  readonly #subject: BackendSubject;
  readonly #backends: Backend[] = [];
  readonly #proxies: Proxy[] = [];
  /** Calls that have not settled in time. */
  readonly late: string[] = [];

  constructor(subject: BackendSubject) {
    this.#subject = subject;
  }

  async open(
    cluster: string,
    make: BackendSubject['client'] = (place) => this.#subject.client(place),
  ): Promise<Client> {
    const { wire, callTimeoutMs = 5000 } = this.#subject;
    const proxy = wire.kind === 'tcp' ? await openProxy(wire.url) : undefined;
    if (proxy) this.#proxies.push(proxy);
    const backend = make({ cluster, url: proxy?.url ?? '' });
    this.#backends.push(backend);
    const faults = (): FaultPort => {
      if (proxy) return proxy;
      return wire.kind === 'direct' ? wire.faults(backend) : noFaults();
    };
    const isLate = backend.capabilities.listConsistency === 'eventual';
    const caughtUp = () => (isLate ? sleep(this.#subject.listLagMs ?? LIST_LAG_MS) : Promise.resolve());
    return clientOf(backend, { faults, callTimeoutMs, late: (text) => void this.late.push(text), caughtUp });
  }

  async close(): Promise<void> {
    for (const proxy of this.#proxies) await proxy.heal();
    const closing = this.#backends.map(async (backend) => backend.close());
    await orLate(systemRuntime, Promise.allSettled(closing), CLOSING_MS);
    await Promise.all(this.#proxies.map((proxy) => proxy.close()));
  }
}

async function furnished(clients: Clients, subject: BackendSubject, cluster: string): Promise<OpenSpace> {
  const one = await clients.open(cluster);
  const two = await clients.open(cluster);
  const { capabilities } = one.backend;
  const { ttl } = capabilities;
  const leastMs = ttl === 'none' ? SHORTEST_TTL_MS : Math.max(ttl.minMs, SHORTEST_TTL_MS);
  return {
    subject,
    capabilities,
    cluster,
    one,
    two,
    operator: subject.operator(cluster),
    ttlMs: subject.ttlMs ?? leastMs,
    longTtlMs: ttl === 'none' ? 60_000 : Math.max(ttl.minMs, Math.min(ttl.maxMs, 60_000)),
    callTimeoutMs: subject.callTimeoutMs ?? 5000,
    client: (other = cluster) => clients.open(other),
    forbidden: () => clients.open(cluster, subject.forbidden),
    sleep,
    nowMs,
    until,
    late: clients.late,
    close: () => clients.close(),
  };
}

export async function openSpace(subject: BackendSubject, cluster: string): Promise<OpenSpace> {
  const clients = new Clients(subject);
  try {
    return await furnished(clients, subject, cluster);
  } catch (error) {
    await clients.close();
    throw error;
  }
}
