import type { Backend, Capabilities } from '@autocluster/core/backend';
import { type ClusterEvent, type ClusterNode, createClusterNode, describeTiming } from '@autocluster/core';
import { describe, expect, it } from 'vitest';
import { World } from './kit.js';

const TEN_MINUTES = 600_000;
const REFRESH_MS = 10_000;

const names = (count: number) => Array.from({ length: count }, (_, index) => `n${index + 1}`);

/** Nodes that are formed and have been for a while, and how often each of them lists. */
class Steady extends World {
  readonly lists = new Map<string, number>();

  static async of(count: number, capabilities: Partial<Capabilities> = {}): Promise<Steady> {
    const world = new Steady();
    for (const name of names(count)) world.start(name, { capabilities });
    await world.formed(...names(count));
    await world.time.advance(30_000);
    world.lists.clear();
    return world;
  }

  start(name: string, { capabilities = {} }: { readonly capabilities?: Partial<Capabilities> } = {}): ClusterNode {
    const client = this.store.client({ cluster: 'demo', id: name });
    const watches = capabilities.watch !== false;
    const backend: Backend = {
      name: client.name,
      spi: 1,
      cluster: client.cluster,
      capabilities: { ...client.capabilities, ...capabilities },
      register: (request, options) => client.register(request, options),
      unregister: (registration, options) => client.unregister(registration, options),
      list: (options) => {
        this.lists.set(name, this.listsOf(name) + 1);
        return client.list(options);
      },
      lock: (request, options) => client.lock(request, options),
      unlock: (grant, options) => client.unlock(grant, options),
      ...(watches && client.watch && { watch: client.watch }),
      close: () => client.close(),
    };
    const onEvent = (event: ClusterEvent) => this.told.push({ ...event, node: name, atMs: this.time.nowMs });
    const driver = this.process(name);
    const node = createClusterNode({ backend, driver, onEvent }, this.time.runtime);
    this.nodes.set(name, node);
    void node.start();
    return node;
  }

  listsOf(name: string): number {
    return this.lists.get(name) ?? 0;
  }
}

describe('a formed cluster in which nothing happens', () => {
  it.each([3, 10, 30])('V7: %i nodes list no more often than once in each re-list period', async (count) => {
    const world = await Steady.of(count);
    const { relistMs } = describeTiming({ backend: world.store.client({ cluster: 'other', id: 'asks' }) });
    await world.time.advance(TEN_MINUTES);
    const least = Math.floor(TEN_MINUTES / relistMs);
    for (const name of names(count)) {
      expect(world.listsOf(name)).toBeGreaterThanOrEqual(least);
      // The period is shortened by up to a tenth, and by a glance that would come too late.
      expect(world.listsOf(name)).toBeLessThanOrEqual(Math.ceil(TEN_MINUTES / (relistMs * 0.9 - REFRESH_MS)));
    }
  });

  it.each([
    ['without a watch', { watch: false }],
    ['with a watch that does not tell of expiry', { watchesExpiry: false }],
  ])('%s each node lists at every refresh', async (_, capabilities) => {
    const world = await Steady.of(3, capabilities);
    await world.time.advance(TEN_MINUTES);
    for (const name of names(3)) expect(world.listsOf(name)).toBeGreaterThanOrEqual(TEN_MINUTES / REFRESH_MS - 1);
  });

  it('lists do not gather at one moment', async () => {
    const world = await Steady.of(20);
    await world.time.advance(TEN_MINUTES);
    world.lists.clear();
    await world.time.advance(REFRESH_MS);
    expect([...world.lists.values()].reduce((sum, each) => sum + each, 0)).toBeLessThan(15);
  });
});

describe('a change whose telling was lost', () => {
  /** Three nodes, the first of which never hears of a change. */
  async function deaf(): Promise<Steady> {
    const world = new Steady();
    world.store.inject({ kind: 'drop-reply', verbs: ['watch'], times: 1 });
    for (const name of names(3)) world.start(name);
    await world.formed(...names(3));
    await world.time.advance(200_000);
    return world;
  }

  const metadataOf = (world: World, seer: string, seen: string) => {
    const view = world.nodes.get(seer)?.view;
    const members = view?.kind === 'known' ? view.members : [];
    return members.find(({ node }) => node === seen)?.metadata['color'];
  };
  const timing = (world: World) => describeTiming({ backend: world.store.client({ cluster: 'other' }) });

  it('V2: is seen within the re-list period; a node that is told sees it at once', async () => {
    const world = await deaf();
    world.nodes.get('n3')?.setMetadata({ color: 'red' });
    await world.time.advance(1_000);
    expect([metadataOf(world, 'n1', 'n3'), metadataOf(world, 'n2', 'n3')]).toEqual([undefined, 'red']);
    await world.time.advance(timing(world).relistMs);
    expect(metadataOf(world, 'n1', 'n3')).toBe('red');
  });

  it('of the record: is known within one renewal, and put right within the bound', async () => {
    const world = await deaf();
    world.store.cluster('demo').deleteRecord();
    const { renewalMs, restoreAfterMs } = timing(world);
    await world.time.advance(renewalMs + 500);
    expect(world.events('record.missing', 'n1')).toHaveLength(1);
    await world.time.advance(restoreAfterMs - renewalMs);
    expect(world.cluster.record.kind).toBe('present');
  });

  it('is looked for at once when the watch breaks', async () => {
    const world = await deaf();
    world.nodes.get('n3')?.setMetadata({ color: 'red' });
    await world.time.advance(500);
    world.faults('n1').breakWatches();
    await world.time.advance(1_000);
    expect(metadataOf(world, 'n1', 'n3')).toBe('red');
  });

  it('is looked for at every refresh while no watch can be opened', async () => {
    const world = await deaf();
    world.faults('n1').inject({ kind: 'fail', code: 'STORE_UNREACHABLE', verbs: ['watch'] });
    world.faults('n1').breakWatches();
    await world.time.advance(20_000);
    world.nodes.get('n3')?.setMetadata({ color: 'red' });
    await world.time.advance(REFRESH_MS);
    expect(metadataOf(world, 'n1', 'n3')).toBe('red');
  });

  it('row 3: a daemon that was wiped under a node with nothing to do is noticed within one renewal', async () => {
    const world = new World();
    const daemons = world.daemons();
    for (const name of names(3)) world.launch(name, { driver: daemons.daemon(name), refreshMs: 3_600_000 });
    await world.formed(...names(3));
    await world.time.advance(200_000);
    const wipedAtMs = world.time.nowMs;
    daemons.daemon('n1').wipe();
    await world.time.advance(60_000);
    const left = world.events('state.changed', 'n1').find(({ atMs }) => atMs > wipedAtMs);
    expect(left?.data['kind']).not.toBe('formed');
    expect(left?.atMs).toBeLessThanOrEqual(wipedAtMs + timing(world).renewalMs + 500);
  });
});
