import { describe, expect, it } from 'vitest';
import { World } from './kit.js';

describe('a node that leaves for good', () => {
  it('F17: a leave that hangs is not overtaken: its lock lapses, and is not released by hand', async () => {
    const world = new World();
    const daemons = world.daemons();
    const launch = (name: string) =>
      world.launch(name, { driver: daemons.daemon(name), workMs: 10_000, closeBackend: false });
    const [, node] = [launch('n1'), launch('n2')] as const;
    await world.formed('n1', 'n2');
    await world.until(() => world.cluster.record.kind === 'present' && world.cluster.record.record.size === 2);
    daemons.daemon('n2').faults.inject({ kind: 'hang', verbs: ['leave'] });
    const before = world.store.history.length;
    const left = node.leave().catch((error: unknown) => error);
    expect(await world.settle(left, 100_000)).toMatchObject({ code: 'WORK_STUCK' });
    expect(world.store.history.slice(before).map(({ kind }) => kind)).not.toContain('unlocked');
  });

  it('a node that gets the lock too late to leave goes on as before', async () => {
    const world = new World();
    const daemons = world.daemons();
    const runtime = world.time.process();
    world.launch('n1', { driver: daemons.daemon('n1') });
    const node = world.launch('n2', {
      driver: daemons.daemon('n2'),
      runtime,
      latency: { requestMs: 20, replyMs: 20 },
      closeBackend: false,
    });
    await world.formed('n1', 'n2');
    await world.time.advance(30_000);
    const left = node.leave().catch((error: unknown) => error);
    await world.until(() => world.cluster.locks.some(({ name, node: by }) => name === 'formation' && by === 'n2'));
    runtime.pause();
    await world.until(() => world.cluster.locks.every(({ name }) => name !== 'formation'));
    runtime.resume();
    const outcome = await world.settle(left, 600_000);
    // What it must not be is stopped, and still a member that is counted.
    expect(node.state.kind).toBe(outcome === undefined ? 'stopped' : 'formed');
  });
});
