import { type ClusterDriver, type ClusterNode } from '@autocluster/core';
import { describe, expect, it } from 'vitest';
import { World } from './kit.js';

const MEMBERS = ['n1', 'n2', 'n3'];

/** The daemon, with joins that some members refuse; `asked` tells through whom it tried. */
function refusing(driver: ClusterDriver, refuses: (seed: string) => boolean, asked: string[]): ClusterDriver {
  return {
    name: driver.name,
    spi: driver.spi,
    data: driver.data,
    views: driver.views,
    concurrentJoins: driver.concurrentJoins,
    self: () => driver.self(),
    membership: (call) => driver.membership(call),
    health: (peer, call) => driver.health(peer, call),
    create: (request, call) => driver.create(request, call),
    join(request, call) {
      asked.push(request.seed.node);
      if (refuses(request.seed.node)) return Promise.reject(new Error(`${request.seed.node} takes nobody in`));
      return driver.join(request, call);
    },
    committed: (record, call) => driver.committed(record, call),
    reset: (call) => driver.reset(call),
    forget: (request, call) => driver.forget(request, call),
  };
}

const VIEWS = ['registration', 'peer'] as const;

describe.each(VIEWS)('a member that is up and refuses every join, with views of kind %s', (views) => {
  function formedWorld(): { world: World; driver: (name: string) => ClusterDriver } {
    const world = new World();
    const daemons = world.daemons({ concurrentJoins: true });
    const driver = (name: string) => (views === 'peer' ? daemons.daemon(name) : world.process(name));
    for (const name of MEMBERS) world.launch(name, { driver: driver(name) });
    return { world, driver };
  }

  it('the next best is asked in its turn', async () => {
    const { world, driver } = formedWorld();
    await world.formed(...MEMBERS);
    const asked: string[] = [];
    world.launch('n4', { driver: refusing(driver('n4'), (seed) => seed === 'n1', asked) });
    await world.until(() => world.stateOf('n4') === 'formed', 20_000);
    expect(asked).toEqual(['n1', 'n2']);
  });

  it('whoever waits for that tells what the daemon said', async () => {
    const { world, driver } = formedWorld();
    await world.formed(...MEMBERS);
    const node = world.launch('n4', { driver: refusing(driver('n4'), () => true, []) });
    await world.until(() => node.state.kind === 'waiting' && node.state.reason === 'daemon-failed', 20_000);
    const text: unknown = expect.stringMatching(/^DRIVER_FAILED: .*n1 takes nobody in$/);
    expect(node.state).toMatchObject({ cause: 'DRIVER_FAILED', text });
  });

  it('all have their turn, and then the first again', async () => {
    const { world, driver } = formedWorld();
    await world.formed(...MEMBERS);
    const asked: string[] = [];
    const node: ClusterNode = world.launch('n4', {
      driver: refusing(driver('n4'), () => asked.length < 5, asked),
    });
    await world.until(() => node.state.kind === 'formed', 60_000);
    expect(asked).toEqual(['n1', 'n2', 'n3', 'n1', 'n2']);
  });

  it('one that comes back as another instance is asked first again', async () => {
    const { world, driver } = formedWorld();
    await world.formed(...MEMBERS);
    const asked: string[] = [];
    world.launch('n4', { driver: refusing(driver('n4'), () => asked.length < 3, asked) });
    await world.until(() => asked.length === 2);
    const n1 = world.nodes.get('n1');
    if (n1) await world.settle(n1.stop());
    world.launch('n1', { driver: driver('n1') });
    await world.formed('n1', 'n4');
    expect(asked).toEqual(['n1', 'n2', 'n1']);
  });
});

describe('a member through which no join ever shows', () => {
  it('has its turn after the others', async () => {
    const world = new World();
    const daemons = world.daemons({ concurrentJoins: true });
    for (const name of MEMBERS) world.launch(name, { driver: daemons.daemon(name) });
    await world.formed(...MEMBERS);
    const n4 = daemons.daemon('n4');
    n4.faults.inject({ kind: 'pretend', verbs: ['join'], times: 1 });
    const asked: string[] = [];
    world.launch('n4', { driver: refusing(n4, () => false, asked) });
    await world.until(() => world.stateOf('n4') === 'formed', 200_000);
    expect(asked).toEqual(['n1', 'n2']);
  });
});
