import { describe, expect, it } from 'vitest';
import { code, holding, keeperOf, scene } from './kit.js';

describe('a lock that is kept', () => {
  it('is renewed for as long as it is wanted, at a third of the TTL or sooner', async () => {
    const { time, a, lock, count, store } = await holding();
    const renewals = count('lock', a.client);
    await time.advance(600_000);
    lock.assertHeld();
    expect(renewals()).toBeGreaterThanOrEqual(60);
    expect(renewals()).toBeLessThanOrEqual(67);
    expect(store.history.map(({ kind }) => kind)).toEqual(['locked']);
  });

  it('L7: is not renewed after its release, which happens once', async () => {
    const { time, a, lock, count, store } = await holding();
    const [one, two] = await Promise.all([lock.release(), lock.release()]);
    for (const outcome of [one, two, await lock.release()]) expect(outcome).toEqual({ kind: 'released' });
    const renewals = count('lock', a.client);
    await time.advance(100_000);
    expect(renewals()).toBe(0);
    expect(a.runtime.pendingTimers).toBe(0);
    expect(store.history.map(({ kind }) => kind)).toEqual(['locked', 'unlocked']);
    expect(lock.assertHeld).toThrow(code('LOCK_LOST'));
    expect(lock.signal.aborted).toBe(false);
  });

  it('L7: a renewal that is under way at the release cannot bring the lock back', async () => {
    const { time, a, lock, space } = await holding({ latency: { requestMs: 20, replyMs: 20 } });
    a.faults.inject({ kind: 'delay', requestMs: 1000, verbs: ['lock'], times: 1 });
    await time.runUntil(() => a.runtime.clock.monotonicMs() > 10_030, { limitMs: 20_000 });
    const released = lock.release();
    await time.advance(5_000);
    expect(await released).toEqual({ kind: 'released' });
    expect(space.inspect().locks).toEqual([]);
  });

  it('L13: is lost at the first renewal after its key was deleted', async () => {
    const { time, lock, space } = await holding();
    space.deleteLock('job');
    lock.assertHeld();
    await time.advance(10_000);
    expect(lock.signal.reason).toMatchObject({ code: 'LOCK_LOST', details: { name: 'job' } });
    expect(lock.assertHeld).toThrow(code('LOCK_LOST'));
    expect(await lock.release()).toEqual({ kind: 'lost' });
  });

  it('L11: is never renewed again once it is lost', async () => {
    const { time, a, lock, space, count } = await holding();
    space.deleteLock('job');
    await time.advance(10_000);
    expect(lock.signal.aborted).toBe(true);
    const renewals = count('lock', a.client);
    await expect(lock.verify()).rejects.toThrow(code('LOCK_LOST'));
    await time.advance(100_000);
    expect([renewals(), a.runtime.pendingTimers]).toEqual([0, 0]);
  });

  it.each(['drop-request', 'drop-reply'] as const)(
    'L5: with %s it is held until its deadline, and lost at it',
    async (kind) => {
      const { time, a, lock, timing } = await holding();
      await time.advance(9_000);
      let lostAt = 0;
      lock.signal.addEventListener('abort', () => (lostAt = time.nowMs));
      a.faults.inject({ kind });
      const deadline = lock.heldUntilMs;
      expect(deadline).toBeCloseTo(timing.deadlineMs, 6);
      await time.advance(deadline - time.nowMs - 1);
      lock.assertHeld();
      await time.advance(60_000);
      expect(lostAt).toBeCloseTo(deadline, 6);
      expect(lock.signal.reason).toMatchObject({ code: 'LOCK_LOST', message: /26946 ms/ });
    },
  );

  it('L5: outlives an outage that is shorter than its deadline', async () => {
    const { time, a, lock } = await holding();
    for (let round = 0; round < 5; round += 1) {
      const stop = a.faults.inject({ kind: 'fail', code: 'STORE_UNREACHABLE' });
      await time.advance(13_000);
      stop();
      await time.advance(17_000);
      expect(lock.assertHeld).not.toThrow();
    }
  });

  it('L4: gives up before anybody else can have it, whatever the clocks do within their drift', async () => {
    for (const driftRate of [0.999, 1, 1.001]) {
      const world = scene({ latency: { requestMs: [5, 400], replyMs: [5, 400] } });
      const { time, store } = world;
      const a = world.process('a', { driftRate });
      const locking = a.lock('a1');
      await time.advance(1000);
      const lock = keeperOf(await locking);
      let lostAt = 0;
      lock.signal.addEventListener('abort', () => (lostAt = time.nowMs));
      await time.advance(45_000);
      a.faults.inject({ kind: 'drop-reply', chance: 0.7 });
      a.faults.inject({ kind: 'drop-request', chance: 0.7 });
      await time.advance(200_000);
      const expired = store.history.find(({ kind }) => kind === 'lock-expired');
      expect(lostAt).toBeGreaterThan(0);
      expect((expired?.atMs ?? 0) - lostAt).toBeGreaterThanOrEqual(world.timing.stopBudgetMs);
    }
  });

  it('L4: counts the deadline from when the request was sent, not from its answer', async () => {
    const { lock, timing } = await holding({ latency: { requestMs: 20, replyMs: 60 } });
    expect(lock.heldUntilMs).toBeCloseTo(timing.deadlineMs, 6);
  });

  it('L5: counts the deadline from when the request was sent, not from when it waited for an undo before it', async () => {
    const { time, timing, process } = scene({ latency: { requestMs: 20, replyMs: 60 } });
    const a = process('a');
    a.faults.inject({ kind: 'drop-reply', verbs: ['lock'], times: 1 });
    const first = a.lock('a1').catch((error: unknown) => error);
    await time.advance(timing.callTimeoutMs);
    expect(await first).toEqual(code('TIMEOUT'));
    const undone = a.backend.giveUpLock(a.request('a1')).then(() => a.runtime.clock.monotonicMs());
    const locking = a.lock('a2');
    await time.advance(10_000);
    const undoneAtMs = await undone;
    expect(undoneAtMs).toBeGreaterThan(timing.callTimeoutMs);
    expect(keeperOf(await locking).heldUntilMs).toBeCloseTo(undoneAtMs + timing.deadlineMs, 6);
  });

  it('L4: is lost for the first code that asks after the process was stopped, and sends nothing', async () => {
    const { time, a, lock, count } = await holding();
    const renewals = count('lock', a.client);
    a.runtime.pause();
    await time.advance(27_000);
    expect(lock.assertHeld).toThrow(code('LOCK_LOST'));
    expect(lock.signal.aborted).toBe(true);
    a.runtime.resume();
    await time.advance(60_000);
    expect(renewals()).toBe(0);
  });

  it('L4: the signal is right at once as well', async () => {
    const { time, a, lock } = await holding();
    a.runtime.pause();
    await time.advance(27_000);
    expect(lock.signal.aborted).toBe(true);
  });

  it('F30: is held, and renewed at once, after a shorter stop', async () => {
    const { time, a, lock } = await holding();
    a.runtime.pause();
    await time.advance(20_000);
    lock.assertHeld();
    a.runtime.resume();
    await time.advance(10);
    expect(lock.heldUntilMs).toBeGreaterThan(46_000);
  });

  it('F34: cannot be trusted after a suspension until a renewal was answered', async () => {
    const { time, a, lock } = await holding();
    a.runtime.suspend();
    await time.advance(2_000);
    a.runtime.resume();
    expect(lock.assertHeld).toThrow(code('LOCK_UNVERIFIED'));
    expect(lock.signal.aborted).toBe(false);
    await time.advance(0);
    lock.assertHeld();
  });
});
