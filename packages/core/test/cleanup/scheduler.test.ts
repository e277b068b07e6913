import { describe, expect, it } from 'vitest';
import { over } from '../node/kit.js';
import { CLEANUP, CleanupWorld, LONG_MS } from './world.js';

describe('the executor', () => {
  it('that can never forget one member removes the others all the same', async () => {
    const world = new CleanupWorld({ cleanup: CLEANUP });
    const names = ['n1', 'n2', 'n3', 'n4', 'n5'];
    for (const name of names) {
      const driver = world.daemon(name).inProcess(world.time.process());
      const forget: typeof driver.forget = (request, call) =>
        request.node === 'n4' ? Promise.reject(new Error('refused for good')) : driver.forget(request, call);
      world.boot(name, { driver: over(driver, { forget }) });
    }
    await world.formed(...names);
    await world.until(() => (world.record?.size ?? 0) === 5);
    expect(['n4', 'n5']).not.toContain(world.executorName);
    world.lose('n4', 'n5');
    await world.wait(3 * LONG_MS);
    expect(world.executor.cleanup.status.counters.failed).toBeGreaterThan(3);
    expect(world.removed).toEqual(['n5']);
  });

  it('F17: that is stuck tells that it is the executor no more', async () => {
    const world = await CleanupWorld.of(3, {}, { workMs: 20_000 });
    const stuck = world.executorName;
    world.daemon(stuck).faults.inject({ kind: 'hang', verbs: ['forget'], times: 1 });
    world.lose('n3');
    await world.wait(2 * LONG_MS);
    expect(world.node(stuck).cleanup.status).toMatchObject({ stuck: true, executor: undefined });
    expect(world.events('cleanup.executor', stuck).map(({ data }) => data['active'])).toEqual([true, false]);
  });
});

it('a node that is not formed applies no plan, and takes no lock', async () => {
  const world = new CleanupWorld({ cleanup: { ...CLEANUP, mode: 'report' }, nodesExpectedMin: 2 });
  const node = world.boot('n1');
  await world.wait(10_000);
  expect(world.stateOf('n1')).toBe('waiting too-few-members');
  const plan = await world.settle(node.cleanup.plan());
  const applied = node.cleanup.apply(plan).catch((error: unknown) => error);
  expect(await world.settle(applied)).toMatchObject({ code: 'CLOSED' });
  expect(world.cluster.locks.map(({ name }) => name)).not.toContain('cleanup');
});
