import { describe, expect, it } from 'vitest';
import { over, World } from './kit.js';

/** Three members, of which n3 is to leave; `onLeft`: right after its daemon has left. */
async function three(onLeft: (world: World) => unknown) {
  const world = new World();
  const daemons = world.daemons();
  const names = ['n1', 'n2', 'n3'];
  for (const name of names) {
    const driver = daemons.daemon(name).inProcess(world.time.process());
    const leave: typeof driver.leave = async (call) => {
      await driver.leave?.(call);
      onLeft(world);
    };
    world.launch(name, { driver: over(driver, { leave }) });
  }
  await world.formed(...names);
  await world.until(() => world.cluster.record.kind === 'present' && world.cluster.record.record.size === 3);
  await world.time.advance(20_000);
  const leaving = world.nodes.get('n3');
  if (!leaving) throw new Error('no node');
  return { world, leaving };
}

const sizesOf = ({ store }: World) =>
  store.history.flatMap((fact) =>
    fact.kind === 'record-committed' && fact.record.kind === 'present' ? [fact.record.record.size] : [],
  );

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

  it('F5: whose daemon is leaving is listed, and offered to nobody, however long it takes', async () => {
    const world = new World();
    const daemons = world.daemons();
    for (const name of ['n1', 'n2']) world.launch(name, { driver: daemons.daemon(name), workMs: 100_000 });
    await world.formed('n1', 'n2');
    await world.until(() => world.cluster.record.kind === 'present' && world.cluster.record.record.size === 2);
    // It has left, and does not say so.
    daemons.daemon('n2').faults.inject({ kind: 'hang-until-abort', afterSteps: 1, verbs: ['leave'] });
    const left = world.nodes
      .get('n2')
      ?.leave()
      .catch((error: unknown) => error);
    await world.until(() => daemons.daemon('n2').inspect().disk.identity.kind === 'blank');
    await world.time.advance(60_000);
    const entry = world.cluster.members.find(({ registration }) => registration.node === 'n2');
    expect(entry?.registration.state).toBe('joining');
    await world.settle(left ?? Promise.reject(new Error('no node')), 200_000);
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

  it.each([
    [
      'its entry could not be taken away at once',
      { kind: 'fail', code: 'STORE_UNREACHABLE', verbs: ['unregister'], times: 1 },
    ],
    ['a list failed', { kind: 'fail', code: 'STORE_UNREACHABLE', verbs: ['list'], times: 1 }],
    ['every list failed', { kind: 'fail', code: 'STORE_UNREACHABLE', verbs: ['list'] }],
    ['the commit was not answered', { kind: 'drop-request', verbs: ['unlock'], times: 1 }],
    ['the answer to the commit was lost', { kind: 'drop-reply', verbs: ['unlock'], times: 1 }],
  ] as const)('is counted no more, although %s', async (_what, fault) => {
    const { world, leaving } = await three((at) => void at.faults('n3').inject(fault));
    await world.settle(leaving.leave(), 300_000);
    await world.time.advance(120_000);
    expect(world.cluster.record).toMatchObject({ record: { size: 2, idle: false } });
    expect(world.cluster.members.map(({ registration }) => registration.node)).toEqual(['n1', 'n2']);
  });

  it('leaves, although the list that is asked for before fails once', async () => {
    const { world, leaving } = await three(() => undefined);
    world.faults('n3').inject({ kind: 'fail', code: 'STORE_UNREACHABLE', verbs: ['list'], times: 1 });
    await world.settle(leaving.leave(), 300_000);
    expect(world.cluster.record).toMatchObject({ record: { size: 2, idle: false } });
  });

  it('is counted no more, although it is stopped as soon as its daemon has left', async () => {
    const { world, leaving } = await three((at) => void at.nodes.get('n3')?.stop());
    await world.settle(leaving.leave());
    expect(await world.settle(leaving.ended)).toEqual({ kind: 'stopped' });
    expect(world.cluster.record).toMatchObject({ record: { size: 2, idle: false } });
    expect([world.cluster.members.length, world.cluster.locks]).toEqual([2, []]);
  });

  it('leaves once, though it is asked to twice and the answer to its commit is late', async () => {
    const { world, leaving } = await three(
      (at) => void at.faults('n3').inject({ kind: 'delay', verbs: ['unlock'], replyMs: 4_000, times: 1 }),
    );
    const both = await world.settle(Promise.allSettled([leaving.leave(), leaving.leave()]), 300_000);
    await world.time.advance(120_000);
    expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
    const sizes = sizesOf(world);
    expect(Math.min(...sizes.slice(sizes.indexOf(3)))).toBe(2);
  });

  it.each([
    [
      'the list is not complete',
      (world: World) => void world.faults('n3').inject({ kind: 'partial-list', missing: ['n1'], verbs: ['list'] }),
      { code: 'STORE_FAILED', outcomeUnknown: false, message: expect.stringContaining('entries may be missing') },
    ],
    [
      'the record is gone',
      (world: World) => world.store.cluster('demo').deleteRecord(),
      { code: 'CLUSTER_MISMATCH', outcomeUnknown: false, message: expect.stringContaining('the record is absent') },
    ],
    [
      'its entry goes on offering it (F5)',
      (world: World) =>
        void world.faults('n3').inject({ kind: 'fail', code: 'STORE_UNREACHABLE', verbs: ['register'] }),
      { code: 'STORE_UNREACHABLE' },
    ],
  ])('does not leave, and says why, when %s', async (_what, spoil, expected) => {
    let hasLeft = false;
    const { world, leaving } = await three(() => (hasLeft = true));
    spoil(world);
    const left = leaving.leave().catch((error: unknown) => error);
    expect(await world.settle(left, 300_000)).toMatchObject(expected);
    expect(hasLeft).toBe(false);
  });
});
