import { describe, expect, it } from 'vitest';
import { World } from './kit.js';

const NAMES = ['n1', 'n2', 'n3'];

/** Three daemons that are a cluster already, of which the store knows nothing. */
function native(seed = 1) {
  const world = new World(seed);
  const daemons = world.daemons({ stepMs: 50 });
  daemons.existingCluster(NAMES);
  const launch = (name: string) => world.launch(name, { driver: daemons.daemon(name), onLocalData: 'adopt' });
  return { world, daemons, launch };
}

const allFormed = (world: World, names: readonly string[]) =>
  world.until(() => names.every((name) => world.stateOf(name) === 'formed') || world.failures.size > 0);

describe('the nodes of a cluster that was there before us', () => {
  it.each([1, 2, 3, 4, 5])('adopt it, all started at once (seed %i)', async (seed) => {
    const { world, launch } = native(seed);
    for (const name of NAMES) launch(name);
    await allFormed(world, NAMES);
    expect(Object.fromEntries(world.failures)).toEqual({});
    expect(world.clusters.size).toBe(1);
  });

  it('wait for the one that has put it on record and ended before it could say so', async () => {
    const { world, daemons, launch } = native();
    launch('n1');
    await world.until(() => world.cluster.record.kind === 'present');
    world.crash('n1');
    launch('n2');
    launch('n3');
    await world.time.advance(120_000);
    expect([world.stateOf('n2'), world.stateOf('n3')]).toEqual(['waiting peers-not-ready', 'waiting peers-not-ready']);
    world.launch('n1', { driver: daemons.daemon('n1'), onLocalData: 'adopt', client: 'n1 again' });
    await allFormed(world, NAMES);
    expect(Object.fromEntries(world.failures)).toEqual({});
    expect(world.clusters.size).toBe(1);
  });

  it('adopt it also when blank nodes start with them', async () => {
    const { world, launch } = native();
    const names = ['n0', ...NAMES, 'n4'];
    for (const name of names) launch(name);
    await allFormed(world, names);
    expect(Object.fromEntries(world.failures)).toEqual({});
    expect(world.clusters.size).toBe(1);
  });
});
