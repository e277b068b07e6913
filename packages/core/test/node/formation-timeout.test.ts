import { describe, expect, it } from 'vitest';
import { World } from './kit.js';

const NAMES = ['n1', 'n2', 'n3'];

describe('F8: a node that waits until nothing speaks against a first cluster', () => {
  const options = { nodesExpectedMin: 3, settleMs: 15_000, formationTimeoutMs: 50_000 };

  it('does not give up meanwhile: all others would begin anew, and each of them in turn', async () => {
    const world = new World();
    world.launch('n1', options);
    world.launch('n2', options);
    await world.time.advance(45_000);
    world.launch('n3', options);
    await world.time.advance(10_000);
    expect(NAMES.map((name) => world.stateOf(name))).toEqual(NAMES.map(() => 'waiting settling'));
    await world.formed(...NAMES);
  });

  it('gives up as soon as it waits for others again', async () => {
    const world = new World();
    world.launch('n1', options);
    world.launch('n2', options);
    await world.time.advance(45_000);
    const n3 = world.launch('n3', options);
    await world.time.advance(10_000);
    await world.settle(n3.stop());
    await world.time.advance(1_000);
    expect(['n1', 'n2'].map((name) => world.stateOf(name))).toEqual(['failed', 'failed']);
  });
});

describe('F8: a node that was formed once does not fail for want of time', () => {
  /** Three daemons, formed for longer than a start may take. */
  async function longFormed(options: { readonly concurrentJoins?: boolean } = {}) {
    const world = new World();
    const daemons = world.daemons(options);
    for (const name of NAMES) world.launch(name, { driver: daemons.daemon(name), onEvicted: 'rejoin' });
    await world.formed(...NAMES);
    await world.time.advance(600_000);
    return { world, daemons };
  }

  it('its daemon says for one TTL that it is down: it is not offered, waits, and returns', async () => {
    const world = new World();
    let healthy = true;
    world.launch('n1', { driver: world.process('n1', { isHealthy: () => healthy }) });
    world.launch('n2');
    await world.formed('n1', 'n2');
    await world.time.advance(600_000);
    healthy = false;
    await world.time.advance(50_000);
    expect(world.stateOf('n1')).toBe('waiting own-daemon-unknown');
    healthy = true;
    await world.time.advance(50_000);
    expect(world.stateOf('n1')).toBe('formed');
  });

  it('its daemon is restarted after a pause', async () => {
    const { world, daemons } = await longFormed();
    daemons.daemon('n2').stop();
    await world.time.advance(50_000);
    daemons.daemon('n2').start();
    await world.time.advance(50_000);
    expect(world.stateOf('n2')).toBe('formed');
  });

  it('its disk is lost, and a join fails once', async () => {
    const { world, daemons } = await longFormed();
    daemons.daemon('n2').faults.inject({ kind: 'fail', verbs: ['join'], times: 1 });
    daemons.daemon('n2').wipe();
    await world.time.advance(100_000);
    expect(world.stateOf('n2')).toBe('formed');
  });

  it('its cluster goes on without it, and a reset fails once', async () => {
    const { world, daemons } = await longFormed({ concurrentJoins: false });
    for (const name of ['n1', 'n2']) daemons.daemon(name).setView(['n1', 'n2']);
    daemons.daemon('n3').faults.inject({ kind: 'fail', verbs: ['reset'], times: 1 });
    await world.time.advance(100_000);
    expect(world.stateOf('n3')).toBe('formed');
  });

  it('C15: its daemon is down for longer than a start may take, early in its life: it stays listed', async () => {
    const world = new World();
    const daemons = world.daemons();
    for (const name of NAMES) world.launch(name, { driver: daemons.daemon(name) });
    await world.formed(...NAMES);
    await world.time.advance(30_000);
    daemons.daemon('n2').stop();
    await world.time.advance(600_000);
    expect(world.cluster.members.map(({ registration }) => registration.node).sort()).toEqual(NAMES);
    daemons.daemon('n2').start();
    await world.time.advance(50_000);
    expect(world.stateOf('n2')).toBe('formed');
  });
});

describe('F8: a node that cannot form', () => {
  it('fails in time when its daemon cannot create', async () => {
    const world = new World();
    const daemons = world.daemons();
    daemons.daemon('n1').faults.inject({ kind: 'fail', verbs: ['create'] });
    world.launch('n1', { driver: daemons.daemon('n1'), formationTimeoutMs: 200_000 });
    await world.time.advance(250_000);
    expect(world.stateOf('n1')).toBe('failed');
  });

  it.each([
    [2, 3_000],
    [3, 300],
  ])('fails in time when the daemons of %i nodes fail to create in turn, after %i ms each', async (count, ms) => {
    const world = new World();
    const daemons = world.daemons();
    const names = NAMES.slice(0, count);
    for (const name of names) {
      daemons.daemon(name).faults.inject({ kind: 'slow', ms, verbs: ['create'] });
      daemons.daemon(name).faults.inject({ kind: 'fail', verbs: ['create'] });
      world.launch(name, { driver: daemons.daemon(name), formationTimeoutMs: 200_000 });
    }
    await world.time.advance(500_000);
    expect(names.map((name) => world.stateOf(name))).toEqual(names.map(() => 'failed'));
  });

  it('fails in time when its join never shows', async () => {
    const world = new World();
    const daemons = world.daemons();
    for (const name of ['n1', 'n2']) world.launch(name, { driver: daemons.daemon(name) });
    await world.formed('n1', 'n2');
    daemons.daemon('n3').faults.inject({ kind: 'pretend', verbs: ['join'] });
    world.launch('n3', { driver: daemons.daemon('n3'), formationTimeoutMs: 200_000 });
    await world.time.advance(300_000);
    expect(world.stateOf('n3')).toBe('failed');
  });

  it('fails in time when its joins fail, while another member comes and goes', async () => {
    const world = new World();
    const daemons = world.daemons();
    world.launch('n1', { driver: daemons.daemon('n1') });
    await world.formed('n1');
    daemons.daemon('n3').faults.inject({ kind: 'fail', verbs: ['join'] });
    world.launch('n3', { driver: daemons.daemon('n3'), formationTimeoutMs: 200_000 });
    for (let times = 1; times <= 5; times += 1) {
      const node = world.launch('n2', { driver: daemons.daemon('n2'), client: `n2 #${times}` });
      await world.formed('n2');
      await world.time.advance(50_000);
      await world.settle(node.stop());
      await world.time.advance(50_000);
    }
    expect(world.stateOf('n3')).toBe('failed');
  });
});
