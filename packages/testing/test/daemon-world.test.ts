import type { ClusterRecord, DriverCall, Member, MemberList } from '@autocluster/core/driver';
import { type DaemonWorldOptions, daemonWorld, simulateTime } from '@autocluster/testing';
import { describe, expect, it } from 'vitest';
import { clusterRecord, outcomeOf } from './store-kit.js';

const IDENTITY = { clusterId: 'id-1', generation: 1 };
const RECORD = clusterRecord(7n);
const list: MemberList | undefined = undefined;

function setUp(options: Omit<DaemonWorldOptions, 'runtime'> = {}) {
  const time = simulateTime({ seed: 1 });
  const world = daemonWorld({ runtime: time.runtime, ...options });
  const call = (signal: AbortSignal = new AbortController().signal): DriverCall => ({
    signal,
    timeoutMs: 5000,
    clock: time.runtime.clock,
    list,
  });
  const seed = (node: string): Member => ({
    node,
    instance: `${node}.1`,
    state: 'ready',
    identity: IDENTITY,
    recordVersion: 1,
    metadata: {},
    order: 1n,
  });
  const [a, b, c] = [world.daemon('a'), world.daemon('b'), world.daemon('c')];
  const join = (daemon: typeof a, to: string, record: ClusterRecord = RECORD) =>
    daemon.join({ seed: seed(to), token: 1n, record }, call());
  const create = async () => {
    await a.create({ identity: IDENTITY, token: 7n }, call());
    await a.committed(RECORD, call());
  };
  const form = async () => {
    await create();
    for (const daemon of [b, c]) {
      await join(daemon, 'a');
      await daemon.committed(RECORD, call());
    }
  };
  const forget = (by: typeof a, node: string) => by.forget({ node, instance: undefined, token: 9n }, call());
  const members = (daemon: typeof a) => daemon.inspect().disk.members.toSorted().join('');
  return { time, world, call, seed, a, b, c, join, create, form, forget, members };
}
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

describe('simulated daemons: reset, leave, forget', () => {
  it('reset destroys what is local; the others still count it', async () => {
    const { a, b, call, form, members } = setUp();
    await form();
    await b.reset(call());
    expect((await b.membership(call())).identity.kind).toBe('blank');
    expect([members(a), (await a.membership(call())).running]).toEqual(['abc', ['a', 'c']]);
  });

  it('leave takes it out of every view', async () => {
    const { a, b, c, call, form, members } = setUp();
    await form();
    await b.leave(call());
    expect([members(a), members(b), members(c)]).toEqual(['ac', 'b', 'ac']);
  });

  it('forget removes who does not run in the view of the cluster, and is idempotent', async () => {
    const { a, b, c, form, forget, members, world } = setUp();
    await form();
    await expect(forget(a, 'b')).rejects.toThrow(/runs/);
    b.stop();
    await forget(a, 'b');
    await forget(a, 'b');
    await forget(a, 'nobody');
    expect([members(a), members(c)]).toEqual(['ac', 'ac']);
    expect(world.history.filter(({ kind }) => kind === 'forgotten')).toMatchObject([{ wasRunning: false, token: '9' }]);
    c.wipe();
    await forget(a, 'c');
    expect(members(a)).toBe('a');
  });

  it('forget spares who runs in the view of another member', async () => {
    const { a, world, form, forget } = setUp();
    await form();
    world.partition([['a'], ['b']]);
    await expect(forget(a, 'b')).rejects.toThrow(/runs/);
    world.partition([['a', 'c'], ['b']]);
    await forget(a, 'b');
    expect(world.history.at(-1)).toMatchObject({ kind: 'forgotten', wasRunning: true });
  });

  it('who was forgotten comes back with a view of its own: one-sided', async () => {
    const { a, b, form, forget, members } = setUp();
    await form();
    b.stop();
    await forget(a, 'b');
    b.start();
    expect([members(a), members(b)]).toEqual(['ac', 'abc']);
  });
});
