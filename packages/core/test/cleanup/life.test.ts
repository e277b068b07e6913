import { describe, expect, it } from 'vitest';
import { CleanupWorld } from './world.js';

describe('S35: a node that is gone for good', () => {
  it('is removed after the grace, and its name is remembered', async () => {
    const world = await CleanupWorld.formed(3);
    const goneAtMs = world.lose('n3');
    await world.until(() => world.removed.length === 1, 200_000);
    expect(world.removed).toEqual(['n3']);
    expect(world.time.nowMs - goneAtMs).toBeGreaterThan(world.graceMs);
    expect(world.record).toMatchObject({ removed: ['n3'], size: 3 });
    expect(world.membersOf('n1')).toEqual(['n1', 'n2']);
  });
});
