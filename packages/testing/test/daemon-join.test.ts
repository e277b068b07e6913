import { describe, expect, it } from 'vitest';
import { clusterRecord, outcomeOf } from './store-kit.js';
import { IDENTITY, RECORD, setUp } from './daemon-kit.js';

describe('simulated daemons: create and committed', () => {
  it('a daemon that was never used is blank and alone', async () => {
    const { a, call } = setUp();
    const blank = { identity: { kind: 'blank' }, members: ['a'], running: ['a'], partitions: [], kept: undefined };
    expect([a.self(), await a.membership(call())]).toEqual(['a', blank]);
  });

  it('create is provisional and not ready until committed, and idempotent', async () => {
    const { a, b, call, world } = setUp();
    const request = { identity: IDENTITY, token: 7n };
    await a.create(request, call());
    await a.create(request, call());
    expect(await b.health({ node: 'a', listed: undefined }, call())).toMatchObject({
      status: 'up',
      ready: false,
      view: { identity: { kind: 'provisional', ...IDENTITY } },
    });
    await a.committed(RECORD, call());
    expect(await a.membership(call())).toMatchObject({ identity: { kind: 'committed', ...IDENTITY }, kept: RECORD });
    expect(await b.health({ node: 'a', listed: undefined }, call())).toMatchObject({ ready: true });
    await a.create(request, call());
    expect(world.history.map(({ kind }) => kind)).toEqual(['created', 'committed']);
  });

  it('persists provisional before anything else: create goes on where a crash left it', async () => {
    const { a, call } = setUp();
    a.faults.inject({ kind: 'fail', verbs: ['create'], afterSteps: 1, times: 1 });
    const request = { identity: IDENTITY, token: 7n };
    await expect(a.create(request, call())).rejects.toMatchObject({ code: 'DRIVER_FAILED' });
    expect((await a.membership(call())).identity.kind).toBe('provisional');
    await expect(a.committed(RECORD, call())).rejects.toThrow(/blank/);
    await a.create(request, call());
    await a.committed(RECORD, call());
  });

  it('a provisional identity counts as blank: it may be replaced; other data may not', async () => {
    const { a, b, world, call } = setUp();
    await a.create({ identity: { clusterId: 'lost', generation: 1 }, token: 1n }, call());
    await a.create({ identity: IDENTITY, token: 2n }, call());
    await expect(a.committed(clusterRecord(1n, { clusterId: 'lost' }), call())).rejects.toMatchObject({
      code: 'CLUSTER_MISMATCH',
    });
    await a.committed(RECORD, call());
    world.existingCluster(['b']);
    for (const daemon of [a, b]) {
      const other = { identity: { clusterId: 'other', generation: 1 }, token: 3n };
      await expect(daemon.create(other, call())).rejects.toMatchObject({ code: 'DRIVER_FAILED' });
    }
  });

  it('committed rejects when blank, or removed; adopts a cluster without identity; keeps the newest record', async () => {
    const { a, b, world, call, forget } = setUp();
    await expect(a.committed(RECORD, call())).rejects.toThrow(/blank/);
    world.existingCluster(['a', 'b']);
    await a.committed(RECORD, call());
    await a.committed({ ...RECORD, version: 3 }, call());
    await a.committed({ ...RECORD, version: 2 }, call());
    expect((await a.membership(call())).kept?.version).toBe(3);
    b.stop();
    await forget(a, 'b');
    b.start();
    await expect(b.committed(RECORD, call())).rejects.toThrow(/removed/);
  });
});

describe('simulated daemons: join', () => {
  it('enters the cluster of the seed, in every view; is marked until committed; is idempotent', async () => {
    const { a, b, c, call, create, join, members } = setUp();
    await create();
    await join(b, 'a');
    expect((await b.membership(call())).identity).toEqual({ kind: 'unnamed', interruptedJoin: true });
    await join(b, 'a');
    await b.committed(RECORD, call());
    await join(c, 'b');
    expect([members(a), members(b), members(c)]).toEqual(['abc', 'abc', 'abc']);
    expect((await a.membership(call())).running.toSorted()).toEqual(['a', 'b', 'c']);
  });

  it('refuses a seed that cannot be reached, or is not in the cluster of the record, and changes nothing', async () => {
    const { a, b, call, create, join, world } = setUp();
    await create();
    await expect(join(b, 'a', { ...RECORD, clusterId: 'x' })).rejects.toMatchObject({ code: 'CLUSTER_MISMATCH' });
    await expect(join(b, 'c')).rejects.toMatchObject({ code: 'CLUSTER_MISMATCH' });
    await expect(join(b, 'nobody')).rejects.toMatchObject({ code: 'DRIVER_FAILED' });
    world.cut('a', 'b');
    await expect(join(b, 'a')).rejects.toMatchObject({ code: 'DRIVER_FAILED' });
    a.stop();
    await expect(join(b, 'a')).rejects.toMatchObject({ code: 'DRIVER_FAILED' });
    expect((await b.membership(call())).identity.kind).toBe('blank');
  });

  it('resets itself when the seed has another identity afterwards', async () => {
    const { time, a, b, call, create, join, members, world } = setUp({ stepMs: { join: 10 } });
    await create();
    const joining = outcomeOf(join(b, 'a'));
    await time.advance(40);
    expect(members(a)).toBe('ab');
    await a.reset(call());
    await time.advance(10);
    expect(joining()).toMatchObject({ error: { code: 'CLUSTER_MISMATCH' } });
    expect((await b.membership(call())).identity.kind).toBe('blank');
    expect(world.history.at(-1)).toMatchObject({ kind: 'reset', node: 'a' });
  });

  it('forgets a stale entry of its own name first', async () => {
    const { a, b, form, join, members, call } = setUp();
    await form();
    b.wipe();
    expect([members(a), members(b)]).toEqual(['abc', 'b']);
    await join(b, 'a');
    await b.committed(RECORD, call());
    expect([members(a), members(b)]).toEqual(['abc', 'abc']);
  });

  it('does not touch data of another cluster', async () => {
    const { b, create, join, world } = setUp();
    await create();
    world.existingCluster(['b']);
    await expect(join(b, 'a')).rejects.toMatchObject({ code: 'LOCAL_DATA' });
  });

  it('can be interrupted after any step, and then goes through', async () => {
    for (let afterSteps = 0; afterSteps <= 5; afterSteps += 1) {
      const { a, b, call, create, join, members } = setUp();
      await create();
      b.faults.inject({ kind: 'fail', verbs: ['join'], times: 1, afterSteps });
      await expect(join(b, 'a')).rejects.toMatchObject({ code: 'DRIVER_FAILED' });
      const isMarked = afterSteps > 0;
      const identity = isMarked ? { kind: 'unnamed', interruptedJoin: true } : { kind: 'blank' };
      expect((await b.membership(call())).identity).toEqual(identity);
      await join(b, 'a');
      await b.committed(RECORD, call());
      expect([members(a), members(b)]).toEqual(['ab', 'ab']);
    }
  });
});
