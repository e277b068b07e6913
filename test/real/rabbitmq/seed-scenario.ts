import { parseArgs } from 'node:util';
import { pathToFileURL } from 'node:url';
import { type CleanupOptions, describeTiming } from '@autocluster/core';
import { until } from '../../servers/harness/index.ts';
import { allHealthy, allReady, oneCluster, RabbitFleet, type RabbitNode, type StoreSpec } from './fleet.ts';
import { confirmedMessages, declareQuorumQueue, messagesIn, publishConfirmed } from './queue.ts';
import { backendOf, type ScenarioStore, STORES, type StoreName, startStore } from './stores.ts';

/** `failure=stop, cleanup=true, interval=30 s, warn_only=false, ttl=15 s`, and nodes that were removed join again. */
const OPTIONS = { ttlMs: 15_000, onFailure: 'stop', onEvicted: 'rejoin' } as const;
export const EXACT: CleanupOptions = { mode: 'remove', intervalMs: 30_000 };
/** The same, with looks that follow each other as fast as they may, and a daemon that restarts in no time. */
export const QUICK: CleanupOptions = { mode: 'remove', intervalMs: 8_000, restartMs: 0 };

const FORMATION_MS = 60_000;
/** What `forget_cluster_node`, and the queues after it, may take beyond the bound of cleanup. */
const FORGET_MS = 60_000;
const QUEUE = 'orders';
const BEFORE = 200;
const MEANWHILE = 50;

export interface ScenarioOptions {
  readonly store: StoreName;
  readonly cleanup: CleanupOptions;
  readonly say?: (text: string) => void;
}

class Scenario {
  readonly #store: ScenarioStore;
  readonly #fleet = new RabbitFleet();
  readonly #options: ScenarioOptions;
  readonly #startedMs = performance.now();

  constructor(store: ScenarioStore, options: ScenarioOptions) {
    this.#store = store;
    this.#options = options;
  }

  get #removes(): boolean {
    return this.#store.removes !== false;
  }

  async run(): Promise<void> {
    const nodes = await this.#form();
    await this.#killForgetReturn(nodes);
    await this.#storeAway(nodes);
  }

  async end(): Promise<void> {
    await this.#fleet.end();
    await this.#store.stop();
  }

  #say(text: string): void {
    this.#options.say?.(`${((performance.now() - this.#startedMs) / 1000).toFixed(1)} s  ${text}`);
  }

  #spec(name: string, store: StoreSpec = this.#store.spec, more: object = {}) {
    const cleanup = this.#removes ? this.#options.cleanup : { ...this.#options.cleanup, mode: 'report' as const };
    return { name, host: this.#store.host, store, options: { ...OPTIONS, cleanup, ...more } };
  }

  async #form(): Promise<readonly RabbitNode[]> {
    await this.#store.appear?.('rabbit1', 'rabbit2', 'rabbit3');
    const nodes = await this.#fleet.start(this.#spec('rabbit1'), this.#spec('rabbit2'), this.#spec('rabbit3'));
    await Promise.all(nodes.map((node) => node.serves()));
    await this.#require('nodes and running_nodes list all three on every node', () => oneCluster(nodes));
    await this.#require('each answers that it is ready', () => allReady(nodes));
    await this.#store.serve?.('rabbit1', 'rabbit2', 'rabbit3');
    await this.#require('the health report of each is ok', () => allHealthy(nodes));
    return nodes;
  }

  async #require(what: string, holds: () => Promise<boolean>, withinMs = 20_000): Promise<void> {
    await until(what, holds, { withinMs, everyMs: 500 });
    this.#say(what);
  }

  async #killForgetReturn(nodes: readonly RabbitNode[]): Promise<void> {
    const [first, second, third] = nodes;
    if (!first || !second || !third) throw new RangeError('three nodes');
    await declareQuorumQueue(first, QUEUE);
    await publishConfirmed(first, QUEUE, BEFORE);
    const instance = third.last('registration.made')?.data['instance'];
    await third.kill();
    await this.#store.disappear?.(third.spec.name);
    this.#say(`${third.nodename} was killed`);
    await publishConfirmed(first, QUEUE, MEANWHILE);
    if (this.#removes) await this.#forgotten(third, [first, second]);
    await publishConfirmed(first, QUEUE, MEANWHILE);
    await this.#store.appear?.(third.spec.name);
    third.start();
    await third.serves();
    const role = this.#removes ? 'joiner' : 'member';
    if (third.last('registration.made')?.data['instance'] === instance) throw new Error('the same instance');
    if (third.state('formed')?.data['role'] !== role) throw new Error(`it is no ${role}`);
    await this.#require('it is a member again, as another instance', () => oneCluster(nodes));
    await this.#require('it answers that it is ready', () => allReady([third]));
    await this.#store.serve?.(third.spec.name);
    await this.#require('the health report of each is ok again', () => allHealthy(nodes));
    const left = await messagesIn(third, QUEUE);
    if (left !== confirmedMessages(QUEUE)) throw new Error(`${left} of ${confirmedMessages(QUEUE)} confirmed messages`);
    this.#say(`${left} confirmed messages, none lost`);
  }

  async #forgotten(gone: RabbitNode, rest: readonly RabbitNode[]): Promise<void> {
    const killedMs = performance.now();
    const boundMs = await this.#removalMs();
    // Asking the brokers all the time would cost what they need themselves: whoever removes it tells.
    await until(`${gone.nodename} is removed`, () => rest.some((node) => hasRemoved(node, gone)), {
      withinMs: boundMs + FORGET_MS,
      everyMs: 100,
    });
    await this.#require('it is forgotten', () => oneCluster(rest));
    const tookMs = performance.now() - killedMs;
    this.#say(`after ${(tookMs / 1000).toFixed(1)} s, stated bound ${(boundMs / 1000).toFixed(1)} s`);
    const [witness] = rest;
    const countsOnIt = async () => witness && (await membersOf(witness)).includes(gone.nodename);
    await this.#require('no queue counts on it any more', async () => !(await countsOnIt()));
  }

  /** The longest that a removal may take, as these settings state it. */
  async #removalMs(): Promise<number> {
    const { store, options } = this.#spec('rabbit1');
    const backend = backendOf(store);
    try {
      const { removalMs } = describeTiming({ backend, ...options });
      if (removalMs === undefined) throw new RangeError('nobody is removed');
      return removalMs;
    } finally {
      await backend.close();
    }
  }

  async #storeAway(nodes: readonly RabbitNode[]): Promise<void> {
    await this.#store.appear?.('rabbit4', 'rabbit5');
    const away = await this.#store.away();
    const options = { formationTimeoutMs: this.#store.formationTimeoutMs ?? FORMATION_MS };
    const late = await this.#fleet.start(this.#spec('rabbit4', away, options), this.#spec('rabbit5', away, options));
    const statuses = await Promise.all(late.map((node) => node.exited));
    if (statuses.some((status) => status !== 1)) throw new Error(`exit statuses ${statuses.join(', ')}`);
    const created = late.filter((node) => node.state('creating') || !node.log().includes('FORMATION_TIMEOUT'));
    if (created.length > 0) throw new Error(`${created.length} nodes did more than to wait for the store`);
    this.#say('two nodes that start without the store end with an error and status 1');
    await this.#require('the cluster is what it was', () => oneCluster(nodes));
  }
}

const hasRemoved = (node: RabbitNode, gone: RabbitNode): boolean =>
  node.last('cleanup.removed', (data) => data['node'] === gone.nodename) !== undefined;

const membersOf = async (node: RabbitNode): Promise<string> => {
  const args = ['quorum_status', QUEUE, '--formatter', 'json'];
  return (await node.command('rabbitmq-queues', args)).stdout;
};

/** From formation over kill, removal and return to a store that is away: throws at the first thing that is not as promised. */
export async function seedScenario(options: ScenarioOptions): Promise<void> {
  const scenario = new Scenario(await startStore(options.store), options);
  try {
    await scenario.run();
  } finally {
    await scenario.end();
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values } = parseArgs({ options: { store: { type: 'string', default: 'etcd' }, quick: { type: 'boolean' } } });
  const store = STORES.find((name) => name === values.store);
  if (store === undefined) throw new RangeError(`--store takes ${STORES.join(', ')}`);
  await seedScenario({ store, cleanup: values.quick ? QUICK : EXACT, say: (text) => console.log(text) });
}
