import { daemonHistoryText, recordingDriver } from '@autocluster/testing';
import { describe, expect, it } from 'vitest';
import { outcomeOf } from './store-kit.js';
import { IDENTITY, RECORD, setUp } from './daemon-kit.js';

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

  it('of views that both sides made one wins, and the same one everywhere', async () => {
    const { a, b, c, form, forget, join, members, world } = setUp();
    const d = world.daemon('d');
    await form();
    await join(d, 'a');
    c.stop();
    d.stop();
    world.partition([['a'], ['b']]);
    await forget(a, 'c');
    await forget(b, 'd');
    expect([members(a), members(b)]).toEqual(['abd', 'abc']);
    world.heal();
    expect(members(a)).toBe(members(b));
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
      driver.leave?.(call()) ?? Promise.resolve(),
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
