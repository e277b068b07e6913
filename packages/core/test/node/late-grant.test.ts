import { describe, expect, it } from 'vitest';
import { CLEANUP, CleanupWorld } from '../cleanup/world.js';
import { World } from './kit.js';

const LATENCY = { requestMs: 50, replyMs: 200 };

describe('L6: a grant whose answer comes when another may have the lock', () => {
  it('is never told to be held, and nothing is tried under it', async () => {
    const world = new World();
    const runtime = world.time.process();
    const n1 = world.daemons().daemon('n1');
    let creates = 0;
    n1.faults.inject({ kind: 'slow', ms: 1, verbs: ['create'], onStrike: () => (creates += 1) });
    world.launch('n1', { driver: n1.inProcess(runtime), runtime, latency: LATENCY });
    await world.until(() => world.cluster.locks.some(({ name }) => name === 'formation'));
    await world.time.advance(LATENCY.replyMs / 2);
    runtime.pause();
    await world.time.advance(120_000);
    runtime.resume();
    await world.formed('n1');
    expect([world.events('lock.acquired').length, world.events('record.superseded').length, creates]).toEqual([
      1, 0, 1,
    ]);
    expect(world.events('state.changed').map(({ data }) => data['reason'])).not.toContain('daemon-failed');
  });

  it('makes nobody the executor of cleanup', async () => {
    const world = new CleanupWorld({ cleanup: CLEANUP });
    const runtime = world.time.process();
    world.boot('n2');
    await world.formed('n2');
    const isHeldBy = (node: string) =>
      world.cluster.locks.some((each) => each.name === 'cleanup' && each.node === node);
    await world.until(() => isHeldBy('n2'));
    world.launch('n1', { driver: world.daemon('n1').inProcess(runtime), runtime, latency: LATENCY, cleanup: CLEANUP });
    await world.formed('n1');
    world.lose('n2');
    await world.until(() => isHeldBy('n1'));
    await world.time.advance(LATENCY.replyMs / 2);
    runtime.pause();
    await world.time.advance(120_000);
    runtime.resume();
    await world.until(() => isHeldBy('n1'));
    await world.time.advance(30_000);
    expect(world.events('cleanup.executor', 'n1').map(({ data }) => data['active'])).toEqual([true]);
  });
});
