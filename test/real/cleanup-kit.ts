import {
  BRAKE_NAMES,
  BRAKES,
  type CleanupOptions,
  type ClusterEvent,
  type ClusterNode,
  type ClusterNodeOptions,
  createClusterNode,
  describeTiming,
} from '@autocluster/core';
import { type Backend, ClusterError, type MemberList } from '@autocluster/core/backend';
import { systemRuntime } from '@autocluster/core/runtime';
import { daemonWorld, type DaemonWorld } from '@autocluster/testing';
import { vi } from 'vitest';
import { until } from '../servers/harness/index.ts';
import { serverSuite } from '../servers/harness/suite.ts';
import { openStore, type RealStore, type RunningStore, STORES } from './stores.ts';

/** What this node's store does to it: nothing, or something that it can change at any moment. */
interface Line {
  cut: boolean;
  list: (truth: MemberList) => MemberList;
}

function onLine(backend: Backend, line: Line): Backend {
  const open = <T>(ask: () => Promise<T>): Promise<T> =>
    line.cut ? Promise.reject(new ClusterError('STORE_UNREACHABLE', 'the line is cut')) : ask();
  return {
    name: backend.name,
    spi: backend.spi,
    cluster: backend.cluster,
    capabilities: { ...backend.capabilities, watch: false },
    register: (request, options) => open(() => backend.register(request, options)),
    unregister: (registration, options) => open(() => backend.unregister(registration, options)),
    list: (options) => open(async () => line.list(await backend.list(options))),
    lock: (request, options) => open(() => backend.lock(request, options)),
    unlock: (grant, options) => open(() => backend.unlock(grant, options)),
    close: () => backend.close(),
  };
}

const TROUBLES: ReadonlySet<string> = new Set([
  'store.lost',
  'store.back',
  'registration.lost',
  'cleanup.executor',
  'cleanup.refused',
  'cleanup.failed',
]);
const CLOCKS: ReadonlySet<string> = new Set(BRAKE_NAMES.filter((name) => BRAKES[name].family === 'clocks'));

/** Thirty nodes of one process ask one server: a sixth of it is the time of one call. */
const TTL_MS_MIN = 6_000;
/** All tests of a store at once: they wait for leases and graces most of their time. */
const TESTS_AT_ONCE = 16;

export function suiteOn(name: string, title: string, body: (store: RealStore) => void): void {
  const store = STORES[name];
  if (!store) throw new RangeError(`there is no store ${name}`);
  vi.setConfig({ maxConcurrency: TESTS_AT_ONCE });
  const ttlMs = Math.max(store.ttlMs, TTL_MS_MIN);
  serverSuite(store.servers, `${title}, on ${name}`, () => body({ ...store, ttlMs }));
}

/** Durable daemons that are simulated in real time, with nodes on a real store. */
export class Site {
  readonly world: DaemonWorld = daemonWorld({ runtime: systemRuntime });
  readonly nodes = new Map<string, ClusterNode>();
  readonly lines = new Map<string, Line>();
  readonly told: (ClusterEvent & { readonly node: string; readonly atMs: number })[] = [];
  readonly failures = new Map<string, unknown>();
  readonly #all: ClusterNode[] = [];
  readonly #store: RealStore;
  readonly #running: RunningStore;
  readonly #cluster: string;

  constructor(store: RealStore, running: RunningStore, cluster: string) {
    this.#store = store;
    this.#running = running;
    this.#cluster = cluster;
  }

  get cleanup(): CleanupOptions {
    return { mode: 'remove', intervalMs: Math.ceil(this.#store.ttlMs / 2), restartMs: 0 };
  }

  async boot(name: string, options: Partial<ClusterNodeOptions> = {}): Promise<ClusterNode> {
    const daemon = this.world.daemon(name);
    daemon.start();
    const line: Line = { cut: false, list: (truth) => truth };
    this.lines.set(name, line);
    const node = createClusterNode({
      backend: onLine(await openStore(this.#running.spec, this.#cluster), line),
      driver: daemon,
      ttlMs: this.#store.ttlMs,
      cleanup: this.cleanup,
      onEvent: (event) => this.told.push({ ...event, node: name, atMs: performance.now() }),
      ...options,
    });
    this.nodes.set(name, node);
    this.#all.push(node);
    this.failures.delete(name);
    void node.start().catch((error: unknown) => this.failures.set(name, error));
    return node;
  }

  /** So many formed nodes, n1, n2, …, that count each other. */
  async form(count: number): Promise<void> {
    const names = Array.from({ length: count }, (_, index) => `n${index + 1}`);
    for (const name of names) await this.boot(name);
    await this.formed(...names);
    await this.until('the size is recorded', () => this.size === count);
  }

  formed(...names: readonly string[]): Promise<unknown> {
    return this.until(`${names.join()} formed`, () =>
      names.every((name) => this.nodes.get(name)?.state.kind === 'formed'),
    );
  }

  until(what: string, holds: () => boolean, withinMs = 60_000): Promise<unknown> {
    const states = () => [...this.nodes].map(([name, { state }]) => `${name} ${JSON.stringify(state)}`).join(', ');
    return until(what, () => holds() || undefined, { withinMs, everyMs: 20 }).catch((error: unknown) => {
      throw new Error(`${String(error)}; ${states()}; ${JSON.stringify(this.told.slice(-8))}`, { cause: error });
    });
  }

  /** Machine, daemon and supervisor are gone without a word. */
  lose(name: string): void {
    this.world.daemon(name).powerOff();
    this.sever(name);
  }

  /** Its supervisor reaches no store any more; the daemon is as before. */
  sever(name: string): void {
    const line = this.lines.get(name);
    if (line) line.cut = true;
    this.nodes.delete(name);
  }

  /** When a store or daemon last failed to answer in time, as a node that lives has told: bounds hold from then on. */
  get troubledAtMs(): number {
    const troubled = this.told.filter(({ node, name, data }) => {
      if (!this.nodes.has(node)) return false;
      const stopped = name === 'cleanup.plan' && (data['heldBy'] as readonly string[]).some((each) => CLOCKS.has(each));
      return stopped || TROUBLES.has(name);
    });
    return Math.max(0, ...troubled.map(({ atMs }) => atMs));
  }

  get size(): number | undefined {
    const view = this.nodes.get('n1')?.view;
    return view?.kind === 'known' ? view.record?.size : undefined;
  }

  get marked(): readonly string[] {
    const views = [...this.nodes.values()].map(({ view }) =>
      view.kind === 'known' ? view.record?.removed : undefined,
    );
    return views.find((removed) => removed !== undefined && removed.length > 0) ?? [];
  }

  /** The latest plan would remove it, were its maker not without a majority. */
  isKeptByMajority(name: string): boolean {
    const plan = this.told.findLast((each) => each.name === 'cleanup.plan' && this.nodes.has(each.node));
    if (!plan) return false;
    const { candidates, heldBy } = plan.data as {
      readonly candidates: readonly { readonly node: string; readonly heldBy: readonly string[] }[];
      readonly heldBy: readonly string[];
    };
    const candidate = candidates.find(({ node }) => node === name);
    const isStopped = heldBy.some((brake) => CLOCKS.has(brake));
    return candidate?.heldBy.length === 0 && heldBy.includes('minority') && !isStopped;
  }

  get removed(): readonly string[] {
    return this.world.history.flatMap((fact) => (fact.kind === 'forgotten' ? [fact.node] : []));
  }

  /** Members that were forgotten while they ran. */
  get wronged(): readonly string[] {
    return this.world.history.flatMap((fact) => (fact.kind === 'forgotten' && fact.wasRunning ? [fact.node] : []));
  }

  get clusters(): ReadonlySet<string> {
    const identities = this.told.flatMap(({ name, data }) =>
      name === 'state.changed' && data['kind'] === 'formed' ? [JSON.stringify(data['identity'])] : [],
    );
    return new Set(identities);
  }

  async timing() {
    const backend = await openStore(this.#running.spec, this.#cluster);
    const timing = describeTiming({ backend, ttlMs: this.#store.ttlMs, cleanup: this.cleanup });
    await backend.close();
    return { ...timing, removalMs: timing.removalMs ?? 0 };
  }

  async end(): Promise<void> {
    await Promise.all(this.#all.map((node) => node.stop()));
  }
}
