import { ClusterError } from '@autocluster/core';
import { describe, expect, it } from 'vitest';
import { over } from '../node/kit.js';
import { CLEANUP, CleanupWorld } from './world.js';

describe('an operator', () => {
  it('pauses and resumes cleanup also at a node whose daemon does not answer', async () => {
    const world = await CleanupWorld.of(2);
    world.daemon('n1').faults.inject({ kind: 'fail', verbs: ['membership'] });
    await world.settle(world.node('n1').cleanup.pause('maintenance'), 300_000);
    expect(world.record?.settings).toEqual({ 'cleanup.paused': 'maintenance' });
    await world.settle(world.node('n1').cleanup.resume(), 300_000);
    expect(world.record?.settings).toEqual({});
  });

  it.each([
    [
      'the daemon that forgot cannot tell',
      () => {
        throw new ClusterError('TIMEOUT', 'no answer');
      },
    ],
    [
      'the store does not hear of it at once',
      (world: CleanupWorld) => world.faults('n1').inject({ kind: 'drop-request', verbs: ['unlock'], times: 1 }),
    ],
    [
      'the store refuses connections for a moment',
      (world: CleanupWorld) => {
        world.faults('n1').inject({ kind: 'fail', code: 'STORE_UNREACHABLE', verbs: ['unlock'] });
        world.time.runtime.after(100, () => world.faults('n1').clear());
      },
    ],
  ])('sets the size to what is left, although %s', async (_what, onForgotten) => {
    const world = new CleanupWorld({ cleanup: CLEANUP });
    const driver = world.daemon('n1').inProcess(world.time.process());
    const forget: typeof driver.forget = async (request, call) => {
      await driver.forget(request, call);
      onForgotten(world);
    };
    world.boot('n1', { driver: over(driver, { forget }) });
    await world.formed('n1');
    await world.grow(2, 2);
    expect(world.executorName).toBe('n1');
    world.lose('n2');
    await world.wait();
    await world.settle(world.executor.cleanup.apply(await world.plan()));
    await world.wait();
    expect([world.membersOf('n1'), world.record?.size]).toEqual([['n1'], 1]);
    expect(await world.settle(world.executor.health())).toMatchObject({ status: 'ok' });
  });

  it.each([
    ['blank', { kind: 'blank' }],
    ['in another cluster', { kind: 'committed', clusterId: 'c-other', generation: 1 }],
  ] as const)('F15: takes no mark where the own daemon is %s', async (_what, identity) => {
    const world = await CleanupWorld.of(3);
    const { executorName } = world;
    world.daemon(executorName).faults.inject({ kind: 'fail', code: 'TIMEOUT', verbs: ['forget'] });
    world.lose('n3');
    await world.until(() => world.record?.removed.includes('n3') === true);
    await world.settle(world.node('n1').cleanup.pause());
    const other = executorName === 'n1' ? 'n2' : 'n1';
    const answer = () => ({ identity, members: [other], running: [other], partitions: [] });
    world.daemon(other).faults.inject({ kind: 'lie', verbs: ['membership'], answer });
    const { cleanup } = world.node(other);
    for (const asked of [() => cleanup.prune(), () => cleanup.readmit('n3')]) {
      const outcome = await world.settle(asked().catch((error: unknown) => error));
      // A node may have noticed meanwhile what has become of its daemon.
      expect(['CLUSTER_MISMATCH', 'CLOSED']).toContain((outcome as { readonly code?: string }).code);
    }
    expect(world.membersOf(executorName)).toContain('n3');
    expect(world.record?.removed).toEqual(['n3']);
  });
});
