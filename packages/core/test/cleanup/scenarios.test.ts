import { createClusterNode, describeTiming } from '@autocluster/core';
import { type Fault, memoryStore } from '@autocluster/testing';
import { describe, expect, it } from 'vitest';
import { CLEANUP, CleanupWorld, GRACE_MS, LONG_MS } from './world.js';

const untouched = async (world: CleanupWorld, ms = LONG_MS) => {
  await world.wait(ms);
  expect(world.removed).toEqual([]);
};

describe('users lost nodes by this', () => {
  it('S35: a node that is gone for good is removed, within the bound that is stated', async () => {
    const world = await CleanupWorld.of(3);
    const goneAtMs = world.lose('n3');
    await world.until(() => world.removed.length === 1);
    const tookMs = world.time.nowMs - goneAtMs;
    expect(tookMs).toBeGreaterThan(GRACE_MS);
    const backend = world.store.client({ cluster: 'demo' });
    expect(tookMs).toBeLessThan(describeTiming({ backend, cleanup: CLEANUP }).removalMs ?? 0);
    expect(world.record).toMatchObject({ removed: ['n3'], size: 3 });
    await world.wait(30_000);
    expect(world.events('cleanup.removed')).toMatchObject([{ data: { node: 'n3', instance: expect.any(String) } }]);
    expect(world.executor.cleanup.status.counters).toMatchObject({ removed: 1, failed: 0 });
  });

  it.each<Fault>([
    { kind: 'fail', code: 'STORE_FORBIDDEN' },
    { kind: 'fail', code: 'STORE_UNREACHABLE' },
    { kind: 'drop-request' },
    { kind: 'drop-reply' },
    { kind: 'nonsense' },
  ])('S36: a list that fails removes nobody, also while a node is dead: %j', async (fault) => {
    const world = await CleanupWorld.of(3);
    world.lose('n3');
    world.store.inject({ ...fault, verbs: ['list'] });
    await untouched(world);
    expect(world.executor.cleanup.status.counters.held).toMatchObject({ 'list-incomplete': expect.any(Number) });
  });

  it('S37: a list that fails now and then makes the grace begin anew each time', async () => {
    const world = await CleanupWorld.of(3);
    world.lose('n3');
    const heal = world.store.inject({ kind: 'fail', code: 'STORE_UNREACHABLE', verbs: ['list'], chance: 0.6 });
    await world.wait(60_000);
    const flappingUntilMs = world.time.nowMs;
    await untouched(world);
    heal();
    await world.until(() => world.removed.length === 1, LONG_MS);
    expect(world.time.nowMs - flappingUntilMs).toBeGreaterThan(GRACE_MS);
  });

  it('S38: one missed renewal at the wrong moment removes nobody', async () => {
    const world = await CleanupWorld.of(3);
    for (let round = 0; round < 8; round += 1) {
      world.store.cluster('demo').deleteMember('n3');
      await world.wait(30_000);
    }
    await untouched(world, 0);
  });

  it('S38: a node that is away for less than the grace is not removed', async () => {
    const world = await CleanupWorld.of(3);
    for (let round = 0; round < 4; round += 1) {
      world.lose('n3');
      await world.wait(30_000 + GRACE_MS - 15_000);
      world.boot('n3');
      await world.formed('n3');
    }
    await untouched(world);
  });

  it('S40: the default reports, and removes nobody', async () => {
    const { mode: _mode, ...rest } = CLEANUP;
    const world = new CleanupWorld({ cleanup: rest });
    await world.grow(1, 3);
    world.lose('n3');
    await untouched(world);
    expect(await world.plan()).toMatchObject({ ripe: ['n3'], removes: [], brakes: ['report-only'] });
    expect(world.events('cleanup.plan').at(-1)?.data).toMatchObject({ candidates: [{ node: 'n3', heldBy: [] }] });
  });

  it.each<Fault>([
    { kind: 'partial-list', missing: ['n2', 'n3'] },
    { kind: 'empty-list', keepsRecord: true },
    { kind: 'empty-list' },
  ])('S41 S42: a list that lacks live members removes nobody: %j', async (fault) => {
    const world = await CleanupWorld.of(3);
    world.store.inject({ ...fault, verbs: ['list'] });
    await untouched(world);
  });

  it('S41: a store that answers only the executor, and says that this is all, removes nobody', async () => {
    const world = await CleanupWorld.of(5);
    for (const name of ['n2', 'n3', 'n4', 'n5']) world.store.cluster('demo').deleteMember(name);
    world.store.inject({ kind: 'drop-request', verbs: ['register'] });
    await untouched(world, 60_000);
    expect((await world.plan()).brakes).toContain('self-unlisted');
  });

  it.each([
    [{ lock: 'none' }],
    [{ lock: 'advisory' }],
    [{ listConsistency: 'eventual', tokenIsRevision: false }],
  ] as const)('S43: a store that cannot say for certain who is there is refused: %j', (capabilities) => {
    const world = new CleanupWorld();
    const backend = memoryStore({ capabilities }).client({ cluster: 'demo' });
    const make = () => createClusterNode({ backend, driver: world.daemon('n1'), cleanup: { mode: 'remove' } });
    expect(make).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }));
  });

  it.each([[{ lock: 'advisory' }], [{ listConsistency: 'eventual', tokenIsRevision: false }]] as const)(
    'S42 S43: on such a store an operator cannot remove by a plan either: %j',
    async (capabilities) => {
      const world = new CleanupWorld({ cleanup: { ...CLEANUP, mode: 'report' } }, 1, capabilities);
      await world.grow(1, 3);
      world.lose('n3');
      await world.wait();
      const plan = await world.plan();
      expect(plan.ripe).toEqual(['n3']);
      const applied = world.settle(world.executor.cleanup.apply(plan));
      await expect(applied).rejects.toMatchObject({ code: 'UNSUPPORTED', operation: 'cleanup' });
      await untouched(world);
      expect(world.record?.removed).toEqual([]);
    },
  );

  it('S45: an entry that its node left behind expires, and holds its removal only until then', async () => {
    const world = await CleanupWorld.of(3);
    world.daemon('n3').powerOff();
    await untouched(world);
    expect(world.cluster.members.length).toBe(3);
    world.lose('n3');
    await world.until(() => world.removed.length === 1, LONG_MS);
  });

  it('S46: a single survivor keeps its registration and its members', async () => {
    const world = await CleanupWorld.of(3);
    world.lose('n2', 'n3');
    await untouched(world);
    expect(world.cluster.members.map(({ registration }) => registration.node)).toEqual(['n1']);
    expect([world.stateOf('n1'), world.membersOf('n1')]).toEqual(['formed', ['n1', 'n2', 'n3']]);
  });
});

describe('S39: a removed node that comes back with its data', () => {
  const bring = async (onEvicted: 'stop' | 'rejoin') => {
    const world = await CleanupWorld.of(3, {}, { onEvicted });
    world.lose('n3');
    await world.until(() => world.removed.length === 1);
    return world;
  };

  it('is told so, and changes nothing', async () => {
    const world = await bring('stop');
    world.boot('n3');
    await world.until(() => world.failures.has('n3'));
    expect(world.failures.get('n3')).toMatchObject({ code: 'EVICTED' });
    expect(world.membersOf('n1')).toEqual(['n1', 'n2']);
    expect(world.record).toMatchObject({ removed: ['n3'] });
  });

  it('joins anew where that is allowed, and its name is no longer remembered', async () => {
    const world = await bring('rejoin');
    world.boot('n3');
    await world.formed('n3');
    await world.until(() => world.record?.removed.length === 0);
    expect(world.membersOf('n1')).toEqual(['n1', 'n2', 'n3']);
    await world.wait();
    expect(world.removed).toEqual(['n3']);
    expect(world.clusters.size).toBe(1);
  });

  it.each(['stop', 'rejoin'] as const)(
    'F15: never becomes the cluster when it boots first (onEvicted: %s)',
    async (onEvicted) => {
      const world = await bring(onEvicted);
      for (const name of ['n1', 'n2']) await world.shutDown(name);
      world.boot('n3');
      await world.until(() => world.stateOf('n3') === 'waiting maybe-evicted');
      await world.wait();
      expect(world.stateOf('n3')).toBe('waiting maybe-evicted');
      // Nobody joins it, blank or not.
      world.boot('n4');
      await world.wait(60_000);
      expect(world.stateOf('n4')).not.toBe('formed');
      for (const name of ['n1', 'n2']) world.boot(name);
      await world.formed('n1', 'n2', 'n4');
      if (onEvicted === 'rejoin') await world.formed('n3');
      else await world.until(() => world.failures.has('n3'));
      expect(world.clusters.size).toBe(1);
      expect(world.membersOf('n1')).toEqual(onEvicted === 'rejoin' ? ['n1', 'n2', 'n3', 'n4'] : ['n1', 'n2', 'n4']);
    },
  );

  it('F15: wiped, it is as any other new node', async () => {
    const world = await bring('stop');
    world.daemon('n3').wipe();
    world.boot('n3');
    await world.formed('n3');
    await world.until(() => world.record?.removed.length === 0);
    expect(world.membersOf('n1')).toEqual(['n1', 'n2', 'n3']);
  });
});
