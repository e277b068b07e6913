import { describe, expect, it } from 'vitest';
import { over } from '../node/kit.js';
import { CLEANUP, CleanupWorld, LONG_MS } from './world.js';

const tidied = (world: CleanupWorld) =>
  world.network.history.flatMap((fact) => (fact.kind === 'tidied' ? [fact.node] : []));

describe('what follows a removal', () => {
  it('is not done to a member that has joined anew meanwhile', async () => {
    const world = await CleanupWorld.of(3, {}, { onEvicted: 'rejoin' });
    const { faults } = world.daemon(world.executorName);
    const stop = faults.inject({ kind: 'fail', verbs: ['afterForget'] });
    world.lose('n3');
    await world.until(() => world.removed.length === 1);
    await world.wait(1_000);
    world.boot('n3');
    await world.formed('n3');
    stop();
    await world.wait();
    expect(world.membersOf(world.executorName)).toEqual(['n1', 'n2', 'n3']);
    expect(tidied(world)).toEqual([]);
  });

  it('is done for the others when it fails for one, which is told and tried again', async () => {
    const world = await CleanupWorld.of(5, { removalsPerTickMax: 2 });
    world.daemon(world.executorName).faults.inject({ kind: 'fail', verbs: ['afterForget'], times: 1 });
    const dead = [...world.nodes.keys()].filter((name) => name !== world.executorName).slice(-2);
    world.lose(...dead);
    await world.until(() => world.removed.length === 2);
    await world.wait(1_000);
    expect(tidied(world)).toEqual(dead.slice(1));
    const [failed] = dead;
    expect(world.events('cleanup.unfinished')).toMatchObject([{ data: { node: failed, code: 'DRIVER_FAILED' } }]);
    await world.wait(30_000);
    expect(tidied(world)).toEqual([dead[1], failed]);
    expect(world.events('cleanup.unfinished')).toHaveLength(1);
  });

  it('does not keep others from being removed, although it never ends in time', async () => {
    const world = await CleanupWorld.of(5);
    world.daemon(world.executorName).faults.inject({ kind: 'slow', ms: 600_000, verbs: ['afterForget'] });
    const [first = '', second = ''] = [...world.nodes.keys()].filter((name) => name !== world.executorName).slice(-2);
    world.lose(first);
    await world.until(() => world.removed.length === 1);
    world.lose(second);
    await world.wait(1_200_000);
    expect(world.events('cleanup.unfinished').length).toBeGreaterThan(3);
    expect(world.removed).toEqual([first, second]);
  });

  it('waits while an operator has paused cleanup', async () => {
    const world = await CleanupWorld.of(3);
    const stop = world.daemon(world.executorName).faults.inject({ kind: 'fail', verbs: ['afterForget'] });
    world.lose('n3');
    await world.until(() => world.removed.length === 1);
    await world.settle(world.executor.cleanup.pause('maintenance'));
    stop();
    await world.wait();
    expect(tidied(world)).toEqual([]);
    await world.settle(world.executor.cleanup.resume());
    await world.wait(30_000);
    expect(tidied(world)).toEqual(['n3']);
  });

  it('F17: when it hangs it ends cleanup on that node, and another goes on', async () => {
    const world = await CleanupWorld.of(3, {}, { workMs: 20_000 });
    const stuck = world.executorName;
    world.daemon(stuck).faults.inject({ kind: 'hang', verbs: ['afterForget'] });
    world.lose('n3' === stuck ? 'n2' : 'n3');
    await world.wait(300_000);
    expect(world.node(stuck).cleanup.status.stuck).toBe(true);
    expect(world.events('cleanup.unfinished', stuck)).toMatchObject([{ data: { code: 'WORK_STUCK' } }]);
    expect(tidied(world)).toHaveLength(1);
    expect(world.executorName).not.toBe(stuck);
  });

  it('is done also when nobody knew whether the member was removed', async () => {
    const world = await CleanupWorld.of(3);
    const lateAnswer = { kind: 'fail', code: 'TIMEOUT', verbs: ['forget'], afterSteps: 1, times: 1 } as const;
    world.daemon(world.executorName).faults.inject(lateAnswer);
    world.lose('n3');
    await world.wait(4 * LONG_MS);
    expect(world.removed).toEqual(['n3']);
    expect(world.events('cleanup.failed')).toMatchObject([{ data: { node: 'n3', certain: false } }]);
    expect(tidied(world)).toEqual(['n3']);
  });

  it('C11: waits also in the tick in which a pause refuses a removal', async () => {
    const world = new CleanupWorld({ cleanup: { ...CLEANUP, mode: 'off' } });
    const runtime = world.time.process();
    const client = world.store.client({ cluster: 'demo', id: 'n1', runtime });
    let isArmed = false;
    const backend = over(client, {
      lock: async (request, call) => {
        if (isArmed && request.name === 'formation' && !request.held) {
          isArmed = false;
          await world.node('n2').cleanup.pause('maintenance');
        }
        return client.lock(request, call);
      },
    });
    const stop = world.daemon('n1').faults.inject({ kind: 'fail', verbs: ['afterForget'] });
    world.boot('n1', { cleanup: CLEANUP, backend });
    await world.formed('n1');
    await world.grow(2, 5);
    world.lose('n4', 'n5');
    await world.until(() => world.removed.length === 1);
    await world.wait(1_000);
    expect(world.events('cleanup.unfinished').length).toBeGreaterThan(0);
    isArmed = true;
    stop();
    await world.wait(60_000);
    expect(world.record?.settings).toEqual({ 'cleanup.paused': 'maintenance' });
    expect(world.events('cleanup.refused').map(({ data }) => data['by'])).toEqual(['paused']);
    expect(tidied(world)).toEqual([]);
  });
});
