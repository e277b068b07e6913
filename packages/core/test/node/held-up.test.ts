import { describe, expect, it } from 'vitest';
import { World } from './kit.js';

/** What the node was formed as, one after the other. */
const formedAs = (world: World, node: string) =>
  world
    .events('state.changed', node)
    .filter(({ data }) => data['kind'] === 'formed')
    .map(({ data }) => data['identity']);

/** The entry of the paused node lapses, and another one makes the next generation. */
async function replace(world: World, driver: Parameters<World['launch']>[1]) {
  world.launch('n2', { ...driver, whenNobodyAlive: { recreate: 1 } });
  await world.formed('n2');
  await world.time.advance(5_000);
}

describe('F1b: a creator that stands still until its cluster has been replaced', () => {
  it('while it tells its daemon: is not formed from what it had seen before', async () => {
    const world = new World();
    const daemons = world.daemons({ stepMs: { committed: 200 } });
    const runtime = world.time.process();
    const n1 = daemons.daemon('n1');
    let isNaming = false;
    n1.faults.inject({ kind: 'slow', ms: 100, verbs: ['committed'], times: 1, onStrike: () => (isNaming = true) });
    world.launch('n1', { driver: n1.inProcess(runtime), runtime, onEvicted: 'rejoin' });
    await world.until(() => isNaming);
    runtime.pause();
    await replace(world, { driver: daemons.daemon('n2') });
    runtime.resume();
    await world.time.advance(60_000);
    expect(formedAs(world, 'n1')).toMatchObject([{ generation: 2 }]);
  });

  it('while the list is on its way that proves its registration: is not formed from that list', async () => {
    const world = new World();
    const daemons = world.daemons();
    const runtime = world.time.process();
    const driver = daemons.daemon('n1').inProcess(runtime);
    world.launch('n1', { driver, runtime, onEvicted: 'rejoin', latency: { requestMs: 50, replyMs: 200 } });
    await world.until(() => world.cluster.members.some(({ registration }) => registration.identity !== undefined));
    // The answer to that registration, the request for the list, and half of the way of its answer.
    await world.time.advance(200 + 50 + 100);
    runtime.pause();
    await replace(world, { driver: daemons.daemon('n2') });
    runtime.resume();
    await world.time.advance(60_000);
    expect(formedAs(world, 'n1')).toMatchObject([{ generation: 2 }]);
  });
});
