import { describe, expect, it } from 'vitest';
import { keepLock } from '../../src/session/index.js';
import { code, holding, keeperOf, scene } from './kit.js';

describe('a lock that is kept, and its end', () => {
  it('F34: verify settles it, by loss too', async () => {
    const { time, a, lock } = await holding();
    a.runtime.suspend();
    await time.advance(40_000);
    a.runtime.resume();
    expect(lock.assertHeld).toThrow(code('LOCK_UNVERIFIED'));
    await expect(lock.verify()).rejects.toThrow(code('LOCK_LOST'));
    expect(lock.signal.aborted).toBe(true);
  });

  it('F34: a suspension while the first request is under way is noticed', async () => {
    const { time, process } = scene({ latency: { requestMs: 10, replyMs: 500 } });
    const a = process('a');
    const locking = a.lock('a1');
    await time.advance(100);
    a.runtime.suspend();
    await time.advance(10_000);
    a.runtime.resume();
    await time.advance(1000);
    const lock = keeperOf(await locking);
    expect(lock.assertHeld).toThrow(code('LOCK_UNVERIFIED'));
  });

  it('F34: a renewal that was sent before the suspension settles nothing', async () => {
    const { time, a, lock } = await holding({ latency: { requestMs: 10, replyMs: 10 } });
    a.faults.inject({ kind: 'delay', replyMs: 3000, verbs: ['lock'], times: 1 });
    await time.advance(10_100);
    a.runtime.suspend();
    await time.advance(8_000);
    a.runtime.resume();
    await time.advance(3_500);
    expect(lock.assertHeld).toThrow(code('LOCK_UNVERIFIED'));
    await time.advance(100);
    lock.assertHeld();
  });

  it('F33: a wall clock that is set changes nothing, but for one renewal that proves it', async () => {
    const { time, a, lock, count } = await holding();
    const renewals = count('lock', a.client);
    a.runtime.jumpWall(-3_600_000);
    lock.assertHeld();
    a.runtime.jumpWall(3_600_000);
    expect(lock.assertHeld).toThrow(code('LOCK_UNVERIFIED'));
    expect(lock.assertHeld).toThrow(code('LOCK_UNVERIFIED'));
    await time.advance(0);
    lock.assertHeld();
    expect(renewals()).toBe(1);
  });

  it('F33: is not asked for in a loop while the store does not answer', async () => {
    const { time, a, lock, count } = await holding();
    const renewals = count('lock', a.client);
    a.faults.inject({ kind: 'fail', code: 'STORE_UNREACHABLE' });
    a.runtime.jumpWall(3_600_000);
    for (let round = 0; round < 100; round += 1) {
      expect(lock.assertHeld).toThrow(code('LOCK_UNVERIFIED'));
      await time.advance(1);
    }
    expect(renewals()).toBe(1);
    await expect(lock.verify()).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
  });

  it('verify asks the store anew each time', async () => {
    const { a, lock, count, space } = await holding();
    const renewals = count('lock', a.client);
    await lock.verify();
    await lock.verify();
    expect(renewals()).toBe(2);
    space.deleteLock('job');
    await expect(lock.verify()).rejects.toThrow(code('LOCK_LOST'));
  });

  it('L5: with a shorter TTL from a renewal between two others it is renewed in time, and lost in time', async () => {
    const { time, a, lock, store } = await holding();
    store.limitTtl({ minMs: 3_000, maxMs: 3_000, stepMs: 1 });
    await lock.verify();
    await time.advance(9_000);
    lock.assertHeld();
    a.faults.inject({ kind: 'fail', code: 'STORE_UNREACHABLE' });
    // Not `lock.signal` at the end: whoever asks for that has the deadline looked at.
    const { signal } = lock;
    await time.advance(2_700);
    expect(signal.aborted).toBe(true);
  });

  it('F17: is left to lapse when its work hangs', async () => {
    const { time, a, lock, store, count } = await holding();
    const renewals = count('lock', a.client);
    lock.abandon();
    expect(lock.signal.reason).toMatchObject({ code: 'LOCK_LOST' });
    expect(await lock.release()).toEqual({ kind: 'lost' });
    await time.advance(29_000);
    expect(store.history.map(({ kind }) => kind)).toEqual(['locked']);
    await time.advance(2_000);
    expect(store.history.map(({ kind }) => kind)).toEqual(['locked', 'lock-expired']);
    expect(renewals()).toBe(0);
  });

  it('F17: is left to lapse also when it was lost by its deadline while its work hung', async () => {
    const { time, a, lock, store } = await holding();
    const stop = a.faults.inject({ kind: 'fail', code: 'STORE_UNREACHABLE' });
    await time.advance(29_000);
    stop();
    expect(lock.signal.aborted).toBe(true);
    lock.abandon();
    expect(await lock.release()).toEqual({ kind: 'lost' });
    await time.advance(500);
    expect(store.history.map(({ kind }) => kind)).toEqual(['locked']);
  });

  it('L11: a lock that was lost by its deadline is unlocked at the release, since nobody relies on it', async () => {
    const { time, a, lock, store } = await holding();
    const stop = a.faults.inject({ kind: 'fail', code: 'STORE_UNREACHABLE' });
    await time.advance(27_000);
    expect(lock.signal.aborted).toBe(true);
    stop();
    expect(await lock.release()).toEqual({ kind: 'lost' });
    await time.advance(0);
    expect(store.history.map(({ kind }) => kind)).toEqual(['locked', 'unlocked']);
  });

  it('L6: a grant that comes later than its own deadline is lost from the beginning', async () => {
    const { time, a, timing } = await holding();
    const outcome = await a.backend.lock(a.request('a2', 'other'));
    await time.advance(timing.deadlineMs);
    const lost: unknown[] = [];
    if (outcome.kind !== 'held') throw new TypeError(outcome.kind);
    const late = keepLock({
      backend: a.backend,
      runtime: a.runtime,
      request: a.request('a2', 'other'),
      grant: outcome.grant,
      sentAtMs: 0,
      onLost: (error) => lost.push(error),
    });
    expect(late.signal.aborted).toBe(true);
    expect(lost).toHaveLength(1);
  });

  it('is tried again when its release fails, without being renewed in between', async () => {
    const { time, a, lock, count, space } = await holding();
    const renewals = count('lock', a.client);
    a.faults.inject({ kind: 'fail', code: 'STORE_FAILED', applied: true, verbs: ['unlock'], times: 1 });
    await expect(lock.release()).rejects.toMatchObject({ code: 'STORE_FAILED' });
    await time.advance(15_000);
    expect(space.inspect().locks).toEqual([]);
    expect(await lock.release()).toEqual({ kind: 'lost' });
    expect(renewals()).toBe(0);
  });

  it('follows the TTL that was granted', async () => {
    const stepped = { ttl: { minMs: 60_000, maxMs: 600_000, stepMs: 1000 } };
    const world = scene();
    const { time } = world;
    const store = scene({ capabilities: stepped, ttlMs: 60_000 });
    const a = store.process('a');
    const asked = { ...a.request('a1'), ttlMs: 30_000 };
    const outcome = await a.backend.lock(asked);
    if (outcome.kind !== 'held') throw new TypeError(outcome.kind);
    const { backend, runtime } = a;
    const lock = keepLock({
      backend,
      runtime,
      request: asked,
      grant: outcome.grant,
      sentAtMs: 0,
      timing: world.timing,
    });
    expect(lock.heldUntilMs).toBeGreaterThan(53_000);
    await time.advance(0);
    lock.abandon();
  });

  it('L5: is renewed in time with a shorter TTL also where that does not bring its deadline forward', async () => {
    const { time, a, lock, store, count } = await holding({ ttlMs: 60_000 });
    const armedForMs = lock.heldUntilMs; // of the first grant: the deadline timer stands here
    const renewals = count('lock', a.client);
    // The loop renews at about 20 s and 40 s; it then sleeps until 54 to 60 s.
    const shortDeadlineMs = (3_000 - 300) / (1.001 / 0.999);
    await time.advance(armedForMs - shortDeadlineMs + 20 - time.nowMs);
    expect(renewals()).toBe(2);
    store.limitTtl({ minMs: 3_000, maxMs: 3_000, stepMs: 1 });
    await lock.verify();
    expect(lock.grant.ttlMs).toBe(3_000);
    expect(renewals()).toBe(3);
    // The store is healthy all the time.
    await time.advance(10_000);
    lock.assertHeld();
  });

  it('L4: a suspension for longer than the stop budget of a shorter grant is noticed', async () => {
    const { time, a, lock, store, process } = await holding();
    store.limitTtl({ minMs: 3_000, maxMs: 3_000, stepMs: 1 });
    await lock.verify();
    // The memory store never shortens what it granted: until then the lease is that of the longer TTL.
    await time.advance(31_000);
    lock.assertHeld();
    a.faults.inject({ kind: 'fail', code: 'STORE_UNREACHABLE' });
    a.runtime.suspend();
    await time.advance(1_400); // stop budget of 3 s: 300 ms; of 30 s: 3 s
    a.runtime.resume();
    const b = process('b');
    let other = await b.lock('b1');
    while (other.kind === 'busy') {
      await time.advance(10);
      other = await b.lock(`b${time.nowMs}`);
    }
    expect(keeperOf(other).signal.aborted).toBe(false); // b holds it now
    expect(lock.assertHeld).toThrow(code('LOCK_UNVERIFIED'));
  });
});
