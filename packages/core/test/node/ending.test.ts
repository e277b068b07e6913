import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { World } from './kit.js';

async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc');
  await new Promise((resolve) => setImmediate(resolve));
  (runInNewContext('gc') as () => void)();
}

describe('a node that ends', () => {
  it('whose leave fails: it has stopped, and everybody who waits is told', async () => {
    const world = new World();
    const daemons = world.daemons();
    const [, leaving] = ['n1', 'n2'].map((name) => world.launch(name, { driver: daemons.daemon(name) }));
    if (!leaving) throw new Error('no node');
    await world.formed('n1', 'n2');
    daemons.daemon('n2').faults.inject({ kind: 'fail', verbs: ['leave'] });
    await expect(world.settle(leaving.leave())).rejects.toMatchObject({ code: expect.any(String) });
    expect(await world.settle(leaving.ended)).toEqual({ kind: 'stopped' });
    expect(world.cluster.members.map(({ registration }) => registration.node)).toEqual(['n1']);
    expect(world.cluster.locks).toEqual([]);
  });

  it('keeps the lock for as long as its daemon takes to leave', async () => {
    const world = new World();
    const daemons = world.daemons();
    const [, leaving] = ['n1', 'n2'].map((name) => world.launch(name, { driver: daemons.daemon(name) }));
    if (!leaving) throw new Error('no node');
    await world.formed('n1', 'n2');
    await world.until(() => world.cluster.record.kind === 'present' && world.cluster.record.record.size === 2);
    daemons.daemon('n2').faults.inject({ kind: 'slow', ms: 70_000, verbs: ['leave'] });
    await world.settle(leaving.leave(), 100_000);
    expect(world.store.history.filter(({ kind }) => kind === 'lock-expired')).toEqual([]);
    expect(world.cluster.record).toMatchObject({ record: { size: 1, idle: false } });
  });

  it('stops for now although it wanted to leave: then it stays a member', async () => {
    const world = new World();
    const daemons = world.daemons();
    const launch = (name: string) => world.launch(name, { driver: daemons.daemon(name), closeBackend: false });
    const [, node] = [launch('n1'), launch('n2')] as const;
    await world.formed('n1', 'n2');
    await world.time.advance(30_000);
    const signal = new AbortController().signal;
    const call = { signal, timeoutMs: 1_000, clock: world.time.runtime.clock };
    const other = world.store.client({ cluster: 'demo', id: 'other' });
    const lock = { name: 'formation', node: 'other', instance: 'other', attempt: '1', ttlMs: 20_000 };
    expect(await other.lock(lock, call)).toMatchObject({ kind: 'held' });
    const leaving = node.leave().catch((error: unknown) => error);
    await world.time.advance(1_000);
    await world.settle(node.stop());
    expect(await world.settle(leaving)).toMatchObject({ code: 'CLOSED' });
    await world.time.advance(60_000);
    expect(daemons.history.filter(({ kind }) => kind === 'left')).toEqual([]);
    expect(world.cluster.record).toMatchObject({ record: { size: 2 } });
  });

  it('ends its locks although its daemon does not stop in time', async () => {
    const world = new World();
    const onCreate = () => new Promise<void>(() => undefined);
    const driver = world.process('n1', { onCreate });
    const node = world.launch('n1', { driver, closeBackend: false, stopTimeoutMs: 1_000 });
    const lock = await world.settle(node.acquireLock('job'));
    await world.until(() => node.state.kind === 'creating');
    await world.settle(node.stop(), 20_000);
    await world.time.advance(120_000);
    expect([lock.signal.aborted, world.cluster.locks, world.time.pendingTimers]).toEqual([false, [], 0]);
  });

  it('asks for the removal of its entry, although a release of its is not answered', async () => {
    const world = new World();
    const node = world.launch('n1', {
      driver: world.daemons().daemon('n1'),
      cleanup: { mode: 'report' },
      closeBackend: false,
    });
    await world.formed('n1');
    await world.until(() => world.cluster.locks.some(({ name }) => name === 'cleanup'));
    world.store.inject({ kind: 'drop-request', verbs: ['unlock'], times: 100 });
    await world.settle(node.stop());
    expect(world.cluster.members).toEqual([]);
    expect(world.events('registration.removed')).toHaveLength(1);
  });

  it('does not tell that its entry is gone when nobody has said so', async () => {
    const world = new World();
    const node = world.launch('n1', { closeBackend: false });
    await world.formed('n1');
    world.store.inject({ kind: 'drop-request', verbs: ['unregister'], times: 100 });
    await world.settle(node.stop());
    expect(world.cluster.members).toHaveLength(1);
    expect(world.events('registration.removed')).toEqual([]);
  });

  it('forgets locks that were released', async () => {
    const world = new World();
    const node = world.launch('n1');
    const use = async () => {
      const lock = await node.acquireLock('job');
      const seen = new WeakRef(lock.signal);
      await lock.release();
      return seen;
    };
    const seen = await world.settle(use());
    await world.time.advance(60_000);
    await collectGarbage();
    expect(seen.deref()).toBeUndefined();
    await world.settle(node.stop());
  });
});
