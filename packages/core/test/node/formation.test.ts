import { describe, expect, it } from 'vitest';
import { World } from './kit.js';

const names = (count: number) => Array.from({ length: count }, (_, index) => `n${index + 1}`);
const SLOW = { requestMs: [0, 40], replyMs: [0, 40] } as const;

describe('many nodes that start at once', () => {
  it.each(Array.from({ length: 100 }, (_, seed) => seed))('S1 F1: seed %i: one creator, one cluster', async (seed) => {
    const world = new World(seed);
    const all = names(1 + (seed % 9));
    for (const name of all) world.launch(name, { latency: SLOW });
    await world.formed(...all);
    expect([world.creators, world.clusters.size]).toEqual([1, 1]);
    expect(world.cluster.locks).toEqual([]);
  });

  it('S15: nobody creates before the expected number is listed', async () => {
    const world = new World();
    world.launch('n1', { nodesExpectedMin: 3 });
    world.launch('n2', { nodesExpectedMin: 3 });
    await world.time.advance(60_000);
    expect([world.stateOf('n1'), world.stateOf('n2')]).toEqual(['waiting too-few-members', 'waiting too-few-members']);
    world.launch('n3', { nodesExpectedMin: 3 });
    await world.formed('n1', 'n2', 'n3');
    expect(world.clusters.size).toBe(1);
  });

  it('joins one at a time where the daemon wants that', async () => {
    const world = new World();
    const daemons = world.daemons({ concurrentJoins: false });
    for (const name of names(4)) world.launch(name, { driver: daemons.daemon(name) });
    await world.formed(...names(4));
    expect(world.clusters.size).toBe(1);
    await world.time.advance(20_000);
    for (const name of names(4))
      expect(daemons.daemon(name).inspect()).toMatchObject({ disk: { identity: { kind: 'committed' } } });
  });
});

describe('a creator that ends in the middle', () => {
  const VERBS = ['register', 'list', 'lock', 'unlock'] as const;
  it.each(VERBS.flatMap((verb) => [1, 2, 3].map((call) => [verb, call] as const)))(
    'F7: its %s is never answered from call %i on: the others end in one cluster',
    async (verb, call) => {
      const world = new World();
      const latency = { requestMs: 3, replyMs: 3 };
      const node = world.launch('n1', { latency });
      const seen = () => world.store.history.filter((each) => each.kind.includes(verb)).length;
      // From that call on its requests still arrive, and no answer comes back: as from a process that was killed.
      await world.until(() => node.state.kind === 'formed' || seen() >= call - 1, 10_000);
      world.faults('n1').inject({ kind: 'drop-reply', verbs: [verb] });
      for (const name of ['n2', 'n3']) world.launch(name, { latency: SLOW });
      await world.time.advance(40);
      world.crash('n1');
      await world.formed('n2', 'n3');
      expect(world.cluster.record).toMatchObject({ kind: 'present' });
      const [n2, n3] = ['n2', 'n3'].map((name) => world.nodes.get(name)?.state);
      expect(n2).toMatchObject({ identity: n3?.kind === 'formed' ? n3.identity : undefined });
    },
  );

  it('F18: the answer to its commit is lost: the same cluster goes on, and no second one', async () => {
    const world = new World();
    world.launch('n1');
    world.faults('n1').inject({ kind: 'drop-reply', verbs: ['unlock'], times: 1 });
    for (const name of ['n2', 'n3']) world.launch(name, { latency: SLOW });
    await world.formed('n1', 'n2', 'n3');
    expect([world.clusters.size, world.creators]).toEqual([1, 1]);
    expect(world.nodes.get('n1')?.state).toMatchObject({ role: 'creator' });
  });

  it('F1b L6: it loses its lock while it creates: the others make the cluster, and it joins them', async () => {
    const world = new World();
    let started = 0;
    const onCreate = async (_cluster: unknown, { signal }: { readonly signal: AbortSignal }) => {
      started += 1;
      if (started > 1) return;
      await new Promise<void>((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
    };
    world.launch('n1', { driver: world.process('n1', { onCreate }) });
    await world.until(() => started > 0);
    world.faults('n1').inject({ kind: 'drop-request', verbs: ['lock'] });
    for (const name of ['n2', 'n3']) world.launch(name);
    await world.formed('n2', 'n3');
    world.faults('n1').clear();
    await world.formed('n1');
    expect([world.clusters.size, world.events('lock.lost', 'n1').length]).toEqual([1, 1]);
  });
});
