import { type CleanupPlan, isClusterError, type NodeCleanup, type Removal } from '@autocluster/core';
import { describe, expect, it } from 'vitest';
import { CleanupWorld, LONG_MS } from './world.js';

/** n3 is dead and its removal under way: the name is marked, and the daemon not asked yet. */
async function whileMarked(world: CleanupWorld): Promise<void> {
  world.lose('n3');
  await world.until(() => world.record?.removed.includes('n3') === true);
  expect(world.removed).toEqual([]);
}

const slow = (count = 3) => {
  const latency = { requestMs: 2, replyMs: 2 };
  return CleanupWorld.of(count, {}, {}, latency);
};

describe('a removal', () => {
  it('S44: marks, forgets under the lock with its token, and does the slow work without it', async () => {
    const world = await CleanupWorld.of(3);
    world.daemon(world.executorName).faults.inject({ kind: 'fail', verbs: ['afterForget'], times: 2 });
    world.lose('n3');
    await world.wait();
    const facts = world.network.history.filter(({ kind }) => kind === 'forgotten' || kind === 'tidied');
    expect(facts).toMatchObject([
      {
        kind: 'forgotten',
        node: 'n3',
        by: world.executorName,
        wasRunning: false,
        token: expect.stringMatching(/^\d+$/),
      },
      { kind: 'tidied', node: 'n3', by: world.executorName },
    ]);
    const mark = world.store.history.find(
      (fact) =>
        fact.kind === 'record-committed' && fact.record.kind === 'present' && fact.record.record.removed.includes('n3'),
    );
    expect(mark?.atMs).toBeLessThanOrEqual(facts[0]?.atMs ?? 0);
  });

  it('C8 C13: is given up when the member returns between the mark and the removal', async () => {
    const world = await slow();
    await whileMarked(world);
    const executor = world.executorName;
    world.processOf(executor).pause();
    world.boot('n3');
    await world.until(() => world.cluster.members.some(({ registration }) => registration.node === 'n3'));
    world.processOf(executor).resume();
    await world.formed('n3');
    await world.wait();
    expect(world.removed).toEqual([]);
    expect(world.record?.removed).toEqual([]);
    expect(world.membersOf('n3')).toEqual(['n1', 'n2', 'n3']);
    expect(world.events('cleanup.refused', executor)).toMatchObject([{ data: { node: 'n3' } }]);
  });

  it('goes on in the next tick when the executor died after the mark', async () => {
    const world = await slow(5);
    world.lose('n5');
    await world.until(() => world.record?.removed.includes('n5') === true);
    const dead = world.executorName;
    world.lose(dead);
    await world.wait(2 * LONG_MS);
    expect(world.removed.toSorted()).toEqual([dead, 'n5'].toSorted());
    expect(world.network.history.filter((fact) => fact.kind === 'forgotten' && fact.node === 'n5')).toHaveLength(1);
  });

  it('C7: an executor that was paused in the middle removes nothing when it goes on', async () => {
    const world = await slow(5);
    world.lose('n5');
    await world.until(() => world.record?.removed.includes('n5') === true);
    const paused = world.executorName;
    world.processOf(paused).pause();
    await world.until(() => world.removed.includes('n5'), 2 * LONG_MS);
    const before = world.network.history.length;
    world.processOf(paused).resume();
    await world.wait(60_000);
    const forgotten = world.network.history.slice(before).filter(({ kind }) => kind === 'forgotten');
    expect(forgotten).toEqual([]);
    const [fact] = world.network.history.filter((each) => each.kind === 'forgotten');
    expect(fact).not.toMatchObject({ by: paused });
    // Nothing failed: it has seen that it may not.
    expect(world.node(paused).cleanup.status.counters).toMatchObject({ failed: 0, held: { 'lock-not-held': 1 } });
  });

  it('keeps the name when the outcome is unknown, and takes it away when the daemon refused for certain', async () => {
    const world = await CleanupWorld.of(3);
    const { faults } = world.daemon(world.executorName);
    const stop = faults.inject({ kind: 'fail', verbs: ['forget'], code: 'TIMEOUT' });
    world.lose('n3');
    await world.until(() => world.executor.cleanup.status.counters.failed > 0);
    await world.wait(1_000);
    expect(world.record?.removed).toEqual(['n3']);
    stop();
    faults.inject({ kind: 'fail', verbs: ['forget'], times: 1 });
    await world.until(() => world.executor.cleanup.status.counters.failed > 1);
    await world.wait(1_000);
    expect([world.record?.removed, world.removed]).toEqual([[], []]);
    await world.wait();
    expect(world.removed).toEqual(['n3']);
  });

  it('F17: work that hangs ends cleanup on that node, its locks lapse, and another goes on', async () => {
    const world = await CleanupWorld.of(3, {}, { workMs: 20_000 });
    const stuck = world.executorName;
    world.daemon(stuck).faults.inject({ kind: 'hang', verbs: ['forget'], times: 1 });
    const other = stuck === 'n1' ? 'n2' : 'n1';
    world.lose('n3');
    await world.wait(2 * LONG_MS);
    expect(world.node(stuck).cleanup.status.stuck).toBe(true);
    expect(world.events('cleanup.failed', stuck)).toMatchObject([{ data: { code: 'WORK_STUCK', certain: false } }]);
    expect(world.network.history.filter(({ kind }) => kind === 'forgotten')).toMatchObject([{ node: 'n3', by: other }]);
  });

  it('formation-active: waits for whoever holds the formation lock, and lets its grace begin anew', async () => {
    const world = await CleanupWorld.of(3);
    world.lose('n3');
    const holder = world.store.client({ cluster: 'demo', id: 'holder' });
    const { clock } = world.time.runtime;
    const call = { signal: new AbortController().signal, timeoutMs: 1_000, clock };
    const request = { name: 'formation', node: 'x', instance: 'x', attempt: 'x', ttlMs: 3_600_000 };
    const held = await holder.lock(request, call);
    await world.wait();
    expect(world.removed).toEqual([]);
    const { counters, ticks } = world.executor.cleanup.status;
    expect(counters.held['formation-active']).toBeGreaterThan(0);
    expect(ticks.some(({ removals }) => removals.some((each) => each.kind === 'refused'))).toBe(true);
    if (held.kind === 'held') await holder.unlock(held.grant, call);
    await world.until(() => world.removed.length === 1, LONG_MS);
  });
});

describe('an operator', () => {
  it('pauses cleanup for the whole cluster, durably, and resumes it', async () => {
    const world = await CleanupWorld.of(3);
    await world.settle(world.node('n2').cleanup.pause('maintenance'));
    expect(world.record?.settings).toEqual({ 'cleanup.paused': 'maintenance' });
    world.lose('n3');
    await world.wait();
    expect(world.removed).toEqual([]);
    expect((await world.plan()).heldBy).toMatchObject([{ brake: 'paused', detail: 'maintenance' }]);
    const version = world.record?.version;
    await world.settle(world.node('n1').cleanup.pause('maintenance'));
    expect(world.record?.version).toBe(version);
    await world.settle(world.node('n1').cleanup.resume());
    expect(world.record?.settings).toEqual({});
    await world.until(() => world.removed.length === 1, LONG_MS);
  });

  it('applies the plan that it has read, and an outdated one is refused', async () => {
    const world = await CleanupWorld.of(3, { mode: 'report' });
    world.lose('n3');
    await world.wait();
    const read: CleanupPlan = JSON.parse(JSON.stringify(await world.plan()));
    await world.settle(world.node('n1').cleanup.pause());
    await world.settle(world.node('n1').cleanup.resume());
    const outdated = world.settle(world.executor.cleanup.apply(read));
    await expect(outdated).rejects.toMatchObject({ code: 'PLAN_OUTDATED', details: { changed: ['the record'] } });
    expect(world.removed).toEqual([]);
    await world.wait();
    const removals: readonly Removal[] = await world.settle(world.executor.cleanup.apply(await world.plan()));
    expect(removals).toMatchObject([{ kind: 'removed', node: 'n3' }]);
    expect([world.removed, world.record?.size]).toEqual([['n3'], 2]);
    expect(world.executor.cleanup.status.ticks.at(-1)).toMatchObject({ by: 'operator', removals });
  });

  it('C14: applies a plan, and a daemon that then tells of fewer members does not lower the size by more', async () => {
    const world = await CleanupWorld.of(5, { mode: 'report' });
    world.lose('n5' === world.executorName ? 'n4' : 'n5');
    await world.wait();
    const plan = await world.plan();
    const name = world.executorName;
    const { faults } = world.daemon(name);
    const isForgotten = () => world.removed.length > 0;
    faults.inject({
      kind: 'lie',
      verbs: ['membership'],
      answer: (truth) => (isForgotten() ? { ...(truth as object), members: [name], running: [name] } : truth),
    });
    await world.settle(world.executor.cleanup.apply(plan));
    expect([world.removed, world.record?.size]).toEqual([plan.ripe, 4]);
  });

  it.each([
    ['node', (cleanup: NodeCleanup) => cleanup.readmit(3 as never)],
    ['node', (cleanup: NodeCleanup) => cleanup.readmit('')],
    ['nodes', (cleanup: NodeCleanup) => cleanup.prune('n3' as never)],
    ['nodes', (cleanup: NodeCleanup) => cleanup.prune(['n3', 4] as never)],
    ['reason', (cleanup: NodeCleanup) => cleanup.pause('')],
  ])('is told what is wrong with %s, before a lock is taken (%#)', async (option, ask) => {
    const world = await CleanupWorld.of(1);
    const before = world.store.history.length;
    await expect(ask(world.node('n1').cleanup)).rejects.toMatchObject({ code: 'INVALID_OPTION', option });
    expect(world.store.history.length).toBe(before);
  });

  it('cannot apply a plan elsewhere than at the executor, nor what is no plan', async () => {
    const world = await CleanupWorld.of(3);
    const other = [...world.nodes.values()].find((node) => node !== world.executor);
    if (!other) throw new Error('no other node');
    const plan = await world.settle(other.cleanup.plan());
    expect(plan.heldBy).toMatchObject([{ brake: 'lock-not-held' }]);
    const refused = await world.settle(other.cleanup.apply(plan)).catch((error: unknown) => error);
    expect(isClusterError(refused, 'LOCK_NOT_ACQUIRED') && refused.details).toEqual({ holder: world.executorName });
    await expect(other.cleanup.apply({} as never)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
  });

  it('readmits a member that is marked and still there, and no other', async () => {
    const world = await CleanupWorld.of(3);
    const { faults } = world.daemon(world.executorName);
    faults.inject({ kind: 'fail', verbs: ['forget'], code: 'TIMEOUT' });
    world.lose('n3');
    await world.until(() => world.record?.removed.includes('n3') === true);
    await world.settle(world.node('n1').cleanup.pause());
    await world.settle(world.node('n2').cleanup.readmit('n3'));
    expect(world.record?.removed).toEqual([]);
    faults.clear();
    await world.settle(world.node('n1').cleanup.resume());
    await world.until(() => world.removed.length === 1, LONG_MS);
    const refused = world.settle(world.node('n1').cleanup.readmit('n3'));
    await expect(refused).rejects.toMatchObject({ code: 'INVALID_OPTION', option: 'node', value: 'n3' });
    expect(await world.settle(world.node('n1').cleanup.prune())).toEqual(['n3']);
    expect(world.record?.removed).toEqual([]);
  });

  it('C10: a plan writes nothing, and report-only changes nothing', async () => {
    const world = await CleanupWorld.of(3, { mode: 'report' });
    world.lose('n3');
    await world.wait();
    const [record, daemons] = [world.record, world.network.history.length];
    for (let round = 0; round < 3; round += 1) await world.plan();
    await world.wait();
    expect([world.record, world.network.history.length]).toEqual([record, daemons]);
  });

  it('keeps the history bounded', async () => {
    const world = await CleanupWorld.of(2, { historyMax: 3 });
    await world.wait();
    const { ticks, counters } = world.executor.cleanup.status;
    expect(ticks).toHaveLength(3);
    expect(counters.ticks).toBeGreaterThan(3);
    expect(() => JSON.stringify(world.executor.cleanup.status)).not.toThrow();
  });
});

describe('options of cleanup', () => {
  it.each([
    ['cleanup', 'on'],
    ['cleanup.mode', { mode: 'always' }],
    ['cleanup.intervalMs', { intervalMs: 100 }],
    ['cleanup.graceMs', { graceMs: 10_000 }],
    ['cleanup.removalRatioMax', { removalRatioMax: 2 }],
    ['cleanup.removalsPerTickMax', { removalsPerTickMax: 0 }],
    ['interval', { interval: 1 }],
  ])('refuses %s: %j, naming it and what is allowed', (option, cleanup) => {
    const world = new CleanupWorld({ cleanup } as never);
    expect(() => world.boot('n1')).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', option }));
  });
});
