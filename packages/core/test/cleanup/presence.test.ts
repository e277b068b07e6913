import { describe, expect, it } from 'vitest';
import { CLEANUP, CleanupWorld, GRACE_MS, LONG_MS } from './world.js';

const instanceOf = (world: CleanupWorld, name: string) =>
  world.cluster.members.find(({ registration }) => registration.node === name)?.registration.instance;

describe('what the executor knows of who was there', () => {
  it.each(['pause', 'suspend'] as const)(
    'C8: who came back and went again during a %s of the executor is not removed under the instance before',
    async (how) => {
      const world = new CleanupWorld({ cleanup: { ...CLEANUP, mode: 'off' } });
      world.boot('n1', { cleanup: CLEANUP });
      await world.formed('n1');
      await world.grow(2, 3);
      await world.wait(20_000);
      const first = instanceOf(world, 'n3');
      world.processOf('n1')[how]();
      await world.shutDown('n3');
      await world.wait(1_000);
      world.boot('n3');
      await world.formed('n3');
      const second = instanceOf(world, 'n3');
      await world.wait(45_000);
      await world.shutDown('n3');
      await world.wait(1_000);
      world.processOf('n1').resume();
      await world.until(() => world.removed.length === 1, 2 * LONG_MS);
      await world.wait(1_000);
      const [told] = world.events('cleanup.removed', 'n1');
      expect([first, second]).toEqual([expect.any(String), expect.any(String)]);
      expect(second).not.toBe(first);
      expect([undefined, second]).toContain(told?.data['instance']);
    },
  );

  it('C5: the absence for which a member was removed does not count against it when it has joined anew', async () => {
    const world = await CleanupWorld.of(3, {}, { onEvicted: 'rejoin' });
    world.lose('n3');
    await world.until(() => world.removed.length === 1);
    await world.wait(10);
    const { executorName } = world;
    const heal = world.faults(executorName).inject({ kind: 'fail', code: 'STORE_UNREACHABLE', verbs: ['list'] });
    world.boot('n3');
    await world.formed('n3');
    await world.until(() => world.record?.removed.length === 0);
    await world.shutDown('n3');
    const goneAtMs = world.time.nowMs;
    heal();
    expect(world.membersOf(executorName)).toEqual(['n1', 'n2', 'n3']);
    await world.until(() => world.removed.length === 2, LONG_MS);
    expect(world.time.nowMs - goneAtMs).toBeGreaterThan(GRACE_MS);
  });
});
