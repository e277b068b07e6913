import type { ClusterRecord, DriverCall, Member, MemberList } from '@autocluster/core/driver';
import {
  type DaemonWorldOptions,
  daemonHistoryText,
  daemonWorld,
  recordingDriver,
  simulateTime,
} from '@autocluster/testing';
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

describe('simulated daemons: failures of daemons and network', () => {
  it('a stopped daemon is down, one without power or link is unknown; its own driver cannot read it', async () => {
    const { a, b, call, world } = setUp();
    const seen = async () => (await a.health({ node: 'b', listed: undefined }, call())).status;
    b.stop();
    expect(await seen()).toBe('down');
    await expect(b.membership(call())).rejects.toMatchObject({ code: 'DRIVER_FAILED' });
    b.powerOff();
    expect(await seen()).toBe('unknown');
    b.start();
    expect(await seen()).toBe('up');
    world.cut('b', 'a');
    expect(await seen()).toBe('unknown');
    world.heal();
    b.setReady(false);
    expect(await a.health({ node: 'b', listed: undefined }, call())).toMatchObject({ status: 'up', ready: false });
    expect(await a.health({ node: 'nobody', listed: undefined }, call())).toMatchObject({ status: 'unknown' });
  });

  it('data survives the process when durable, not when there is none; a wipe takes all', async () => {
    const durable = setUp();
    await durable.form();
    durable.b.stop();
    durable.b.start();
    const identity = { kind: 'committed', ...IDENTITY };
    expect(await durable.b.membership(durable.call())).toMatchObject({ identity, kept: RECORD });
    const fleeting = setUp({ data: 'none' });
    await fleeting.form();
    fleeting.b.stop();
    fleeting.b.start();
    expect([fleeting.b.data, fleeting.b.inspect().disk.identity.kind]).toEqual(['none', 'blank']);
  });

  it('a partition splits what runs, changes stay on their side, the newest view wins when it heals', async () => {
    const { a, b, c, call, form, forget, members, world } = setUp();
    await form();
    world.partition([['a', 'b'], ['c']]);
    expect((await a.membership(call())).running).toEqual(['a', 'b']);
    b.stop();
    await forget(a, 'b');
    expect([members(a), members(c)]).toEqual(['ac', 'abc']);
    world.heal({ scars: true });
    expect([members(a), members(c)]).toEqual(['ac', 'ac']);
    expect((await a.membership(call())).partitions).toEqual([['a', 'b'], ['c']]);
    c.stop();
    c.start();
    expect((await c.membership(call())).partitions).toEqual([]);
  });

  it('work fails when the daemon stops on the way, and when its disk is changed', async () => {
    const { time, b, create, join } = setUp({ stepMs: { join: 10 } });
    await create();
    for (const strike of [() => b.stop(), () => b.wipe()]) {
      b.start();
      const joining = outcomeOf(join(b, 'a'));
      await time.advance(15);
      strike();
      await time.advance(20);
      expect(joining()).toMatchObject({ error: { code: 'DRIVER_FAILED' } });
    }
  });

  it('work goes on only while the process of the driver does', async () => {
    const { time, a, b, call, create, seed } = setUp({ stepMs: 10 });
    const creating = create();
    await time.advance(100);
    await creating;
    const process = time.process();
    const joining = outcomeOf(b.inProcess(process).join({ seed: seed('a'), token: 1n, record: RECORD }, call()));
    await time.advance(15);
    process.pause();
    await time.advance(1000);
    expect(b.inspect().disk.identity).toEqual({ kind: 'unnamed', interruptedJoin: true });
    process.resume();
    await time.advance(35);
    expect([joining(), a.inspect().disk.members]).toEqual([{ value: undefined }, ['a', 'b']]);
  });
});

describe('simulated daemons: faults of the driver', () => {
  it('slow obeys the signal; hang-until-abort too; hang does not', async () => {
    const { time, a, call } = setUp();
    for (const kind of ['hang-until-abort', 'hang', 'slow'] as const) {
      const abort = new AbortController();
      const cancel = a.faults.inject(kind === 'slow' ? { kind, ms: 100 } : { kind });
      const creating = outcomeOf(a.create({ identity: IDENTITY, token: 1n }, call(abort.signal)));
      await time.advance(50);
      expect(creating()).toBeUndefined();
      abort.abort();
      await time.advance(200);
      const aborted = { error: { code: 'ABORTED' } };
      expect([creating()]).toMatchObject([kind === 'hang' ? undefined : aborted]);
      cancel();
    }
    expect(a.inspect().disk.identity.kind).toBe('blank');
    a.faults.inject({ kind: 'slow', ms: 100 });
    const reading = outcomeOf(a.membership(call()));
    await time.advance(100);
    expect(reading()).toMatchObject({ value: { members: ['a'] } });
    a.faults.clear();
    await expect(a.membership(call(AbortSignal.abort()))).rejects.toMatchObject({ code: 'ABORTED' });
  });

  it('lies, and fails by chance', async () => {
    const { a, call } = setUp();
    a.faults.inject({ kind: 'lie', verbs: ['membership'], answer: () => ({ members: 'none' }), times: 1 });
    expect(await a.membership(call())).toEqual({ members: 'none' });
    expect(await a.membership(call())).toMatchObject({ members: ['a'] });
    a.faults.inject({ kind: 'fail', code: 'STORE_FAILED', chance: 0.5 });
    let failed = 0;
    for (let index = 0; index < 100; index += 1) await a.membership(call()).catch(() => void (failed += 1));
    expect(failed).toBeGreaterThan(20);
    expect(failed).toBeLessThan(80);
  });

  it('shows views by registration only when told so', async () => {
    const { a, call } = setUp({ views: 'registration', concurrentJoins: false });
    expect([a.views, a.concurrentJoins]).toEqual(['registration', false]);
    expect((await a.health({ node: 'b', listed: undefined }, call())).view).toBeUndefined();
  });

  it('is recorded call by call, when wrapped', async () => {
    const { time, a, call } = setUp({ stepMs: 5 });
    const driver = recordingDriver(a, time.runtime.clock);
    const reading = outcomeOf(driver.membership(call()));
    expect(driver.calls).toMatchObject([{ verb: 'membership', outcome: 'running', endedMs: undefined }]);
    await time.advance(5);
    expect(driver.calls).toMatchObject([{ outcome: 'resolved', startedMs: 0, endedMs: 5 }]);
    expect(reading()).toBeDefined();
    const failing = outcomeOf(driver.committed(RECORD, call()));
    const rest = [
      driver.health({ node: 'a', listed: undefined }, call()),
      driver.create({ identity: IDENTITY, token: 1n }, call()),
      driver.reset(call()),
      driver.leave?.(call()),
    ];
    await time.advance(50);
    await Promise.all(rest);
    expect(failing()).toMatchObject({ error: { code: 'DRIVER_FAILED' } });
    expect(driver.calls[1]).toMatchObject({ verb: 'committed', request: RECORD, outcome: 'rejected' });
    expect([driver.self(), driver.name, driver.calls.length]).toEqual(['a', 'simulated', 6]);
  });

  it('the same seed makes the same history', async () => {
    const run = async () => {
      const { world, a, b, c, form, join, call } = setUp({ seed: 5 });
      for (const daemon of [a, b, c]) daemon.faults.inject({ kind: 'fail', chance: 0.2 });
      await form().catch(() => undefined);
      for (let index = 0; index < 20; index += 1) {
        await join(b, 'a').catch(() => undefined);
        await b.leave(call()).catch(() => undefined);
      }
      return daemonHistoryText(world.history);
    };
    expect(await run()).toBe(await run());
    expect((await run()).split('\n').length).toBeGreaterThan(5);
  });
});
