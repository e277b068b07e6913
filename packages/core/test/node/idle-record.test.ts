import { describe, expect, it } from 'vitest';
import { World } from './kit.js';

/** A node cannot reach the store for longer than its entry lasts; meanwhile the other one stops, and leaves word that nobody is there. */
async function markedIdle() {
  const world = new World();
  for (const name of ['n1', 'n2']) world.launch(name);
  await world.formed('n1', 'n2');
  await world.time.advance(60_000);
  world.faults('n1').inject({ kind: 'fail', code: 'STORE_UNREACHABLE' });
  await world.time.advance(45_000);
  const n2 = world.nodes.get('n2');
  if (n2) await world.settle(n2.stop());
  expect(world.cluster.record).toMatchObject({ record: { idle: true } });
  world.faults('n1').clear();
  return world;
}

describe('F2: the word that nobody is there, over a member that runs', () => {
  it('is taken back by the member', async () => {
    const world = await markedIdle();
    await world.time.advance(30_000);
    expect(world.stateOf('n1')).toBe('formed');
    expect(world.cluster.record).toMatchObject({ record: { idle: false } });
  });

  it('does not let a newcomer replace the cluster at once in a later outage', async () => {
    const world = await markedIdle();
    await world.time.advance(60_000);
    world.launch('n3');
    await world.formed('n3');
    await world.time.advance(600_000);
    for (const name of ['n1', 'n3']) world.faults(name).inject({ kind: 'fail', code: 'STORE_UNREACHABLE' });
    await world.until(() => world.cluster.members.length === 0);
    world.launch('n4');
    await world.time.advance(2_000);
    for (const name of ['n1', 'n3']) world.faults(name).clear();
    await world.time.advance(60_000);
    expect(world.clusters.size).toBe(1);
  });
});
