import { describe, expect, it } from 'vitest';
import { deferred, outcomeOf } from '../guard/kit.js';
import { world } from './kit.js';

describe('work under a lock', () => {
  it('L9: is released when it has settled, in every way', async () => {
    const { process, locks } = world();
    const a = process('a');
    expect(await a.under('job', async () => 7)).toBe(7);
    expect(locks()).toEqual([]);
    const failure = new TypeError('own');
    await expect(a.under('job', () => Promise.reject(failure))).rejects.toBe(failure);
    await expect(
      a.under('job', () => {
        throw failure;
      }),
    ).rejects.toBe(failure);
    expect(locks()).toEqual([]);
    expect(a.runtime.pendingTimers).toBe(0);
  });

  it('L9: is never released before it has settled, not even when the lock is lost', async () => {
    const { time, process, store } = world();
    const a = process('a');
    const work = deferred();
    let seen: AbortSignal | undefined;
    const running = outcomeOf(
      a.under('job', (lock) => {
        seen = lock.signal;
        return work.promise;
      }),
    );
    await time.advance(100);
    store.cluster('c').deleteLock('job');
    await time.advance(10_000);
    expect(seen?.reason).toMatchObject({ code: 'LOCK_LOST' });
    await time.advance(60_000);
    expect(running.done).toBe(false);
    work.resolve('done');
    await time.advance(0);
    expect(running.error).toMatchObject({ code: 'LOCK_LOST' });
  });

  it('another error of the work wins over the loss', async () => {
    const { time, process, store } = world();
    const a = process('a');
    const work = deferred();
    const running = outcomeOf(a.under('job', () => work.promise));
    await time.advance(100);
    store.cluster('c').deleteLock('job');
    await time.advance(10_000);
    work.reject(new TypeError('own'));
    await time.advance(0);
    expect(running.error?.message).toBe('own');
  });

  it('a release that finds the lock gone rejects, although nobody had noticed', async () => {
    const { process, store } = world();
    const running = process('a').under('job', async () => store.cluster('c').deleteLock('job'));
    await expect(running).rejects.toMatchObject({ code: 'LOCK_LOST' });
  });

  it('a release that fails before the deadline resolves with the value', async () => {
    const { time, process, locks, kinds } = world();
    const a = process('a');
    a.faults.inject({ kind: 'fail', code: 'STORE_UNREACHABLE', verbs: ['unlock'] });
    const running = outcomeOf(a.under('job', async () => 7));
    await time.advance(1_000);
    expect(running.value).toBe(7);
    expect(locks()).toHaveLength(1);
    await time.advance(30_000);
    expect(kinds()).toEqual(['locked', 'lock-expired']);
  });

  it('a release that fails until after the deadline does not', async () => {
    const { time, process } = world();
    const a = process('a');
    const running = outcomeOf(
      a.under('job', async () => {
        a.faults.inject({ kind: 'drop-reply' });
        await new Promise<void>((resolve) => a.runtime.after(26_000, resolve));
      }),
    );
    await time.advance(60_000);
    expect(running.error).toMatchObject({ code: 'LOCK_LOST' });
  });

  it('is tried twice to release', async () => {
    const { time, process, kinds } = world();
    const a = process('a');
    a.faults.inject({ kind: 'fail', code: 'STORE_UNREACHABLE', verbs: ['unlock'], times: 1 });
    const running = outcomeOf(a.under('job', async () => 7));
    await time.advance(1_000);
    expect(running.value).toBe(7);
    expect(kinds()).toEqual(['locked', 'unlocked']);
  });

  it('a lost lock does not hold up the contenders of its process', async () => {
    const { time, process, store } = world();
    const a = process('a');
    void a.under('job', () => new Promise(() => undefined)).catch(() => undefined);
    await time.advance(100);
    const next = outcomeOf(a.acquire('job'));
    store.cluster('c').deleteLock('job');
    await time.advance(10_000);
    expect(next.done).toBe(true);
  });

  it('a handle works when it is taken apart, and disposes of itself', async () => {
    const { process, locks } = world();
    const handle = await process('a').acquire('job');
    const { assertHeld, verify, release, signal, token } = handle;
    assertHeld();
    await verify();
    expect([signal.aborted, token]).toEqual([false, 1n]);
    await handle[Symbol.asyncDispose]();
    expect(locks()).toEqual([]);
    expect(await release()).toBe('released');
    expect(assertHeld).toThrow(expect.objectContaining({ code: 'LOCK_LOST' }));
  });
});
