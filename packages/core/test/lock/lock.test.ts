import { describe, expect, it } from 'vitest';
import type { LockOptions } from '../../src/lock/index.js';
import { outcomeOf, pretend } from '../guard/kit.js';
import { world } from './kit.js';

describe('acquiring a lock', () => {
  it('L2: gives a token that grows from holder to holder', async () => {
    const { process } = world();
    const [a, b] = [process('a'), process('b')];
    const first = await a.acquire('job');
    expect(await first.release()).toBe('released');
    const second = await b.acquire('job');
    expect(second.token).toBeGreaterThan(first.token);
  });

  it('tries once with waitMs 0, and names the holder', async () => {
    const { time, process, locks } = world();
    const [a, b] = [process('a'), process('b')];
    await a.acquire('job');
    const facts = { name: 'job', holder: 'a', waitedMs: 0 };
    await expect(b.acquire('job', { waitMs: 0 })).rejects.toMatchObject({ code: 'LOCK_NOT_ACQUIRED', details: facts });
    await expect(a.acquire('job', { waitMs: 0 })).rejects.toMatchObject({ code: 'LOCK_NOT_ACQUIRED', details: facts });
    expect(time.nowMs).toBe(0);
    expect(locks()).toHaveLength(1);
  });

  it('waits for at most waitMs', async () => {
    const { time, process } = world();
    const [a, b] = [process('a'), process('b')];
    await a.acquire('job');
    const waiting = outcomeOf(b.acquire('job', { waitMs: 20_000 }));
    await time.advance(19_999);
    expect(waiting.done).toBe(false);
    await time.advance(1);
    expect(waiting.error).toMatchObject({ code: 'LOCK_NOT_ACQUIRED', details: { holder: 'a', waitedMs: 20_000 } });
    expect(b.runtime.pendingTimers).toBe(0);
  });

  it('waits longer while the lock changes hands', async () => {
    const { time, process } = world();
    const [a, b, c] = [process('a'), process('b'), process('c')];
    const held = await a.acquire('job');
    const second = outcomeOf(b.acquire('job'));
    await time.advance(1);
    const third = outcomeOf(c.acquire('job', { waitMs: 15_000 }));
    await time.advance(14_000);
    await held.release();
    await time.advance(10_000);
    expect([second.done, third.done]).toEqual([true, false]);
    await second.value?.release();
    await time.advance(10);
    expect(third.value?.token).toBeGreaterThan(0n);
  });

  it('is handed over as fast as the store can tell', async () => {
    const { time, process } = world();
    const [a, b] = [process('a'), process('b', { requestMs: 2, replyMs: 2 })];
    const held = await a.acquire('job');
    const waiting = outcomeOf(b.acquire('job'));
    await time.advance(1_234);
    await held.release();
    await time.advance(6);
    expect(waiting.done).toBe(true);
  });

  it('is polled where nobody tells, and when hints are false', async () => {
    for (const released of [undefined, () => new Promise<void>(() => undefined), () => Promise.resolve()]) {
      const { time, process } = world();
      const [a, b] = [process('a'), process('b')];
      let calls = 0;
      const lock = b.client.lock.bind(b.client);
      Object.assign(b.client, {
        lock: async (...given: Parameters<typeof lock>) => {
          calls += 1;
          const outcome = await lock(...given);
          return outcome.kind === 'busy' ? { kind: 'busy', holder: outcome.holder, released } : outcome;
        },
      });
      const held = await a.acquire('job');
      const waiting = outcomeOf(b.acquire('job'));
      await time.advance(60_000);
      expect(calls).toBeLessThan(60);
      await held.release();
      await time.advance(5_000);
      expect(waiting.done).toBe(true);
    }
  });

  it('L10: is acquired soon after its holder died, also with a lock delay, and without a loop of requests', async () => {
    const { time, process, store } = world({ lockDelayMs: 15_000 });
    const [a, b] = [process('a'), process('b')];
    let calls = 0;
    const lock = b.client.lock.bind(b.client);
    Object.assign(b.client, {
      lock: (...given: Parameters<typeof lock>) => ((calls += 1), lock(...given)),
    });
    await a.acquire('job');
    const waiting = outcomeOf(b.acquire('job'));
    a.runtime.crash();
    await time.advance(45_100);
    expect(waiting.done).toBe(true);
    expect(calls).toBeLessThan(15);
    expect(store.history.map(({ kind }) => kind)).toEqual(['locked', 'lock-expired', 'locked']);
  });

  it('L1, L12: contenders of one process queue, and are different owners', async () => {
    const { time, process, store } = world();
    const a = process('a');
    const order: number[] = [];
    let inside = 0;
    const runs = Array.from({ length: 20 }, (_, index) =>
      a.under('job', async () => {
        inside += 1;
        expect(inside).toBe(1);
        order.push(index);
        await new Promise<void>((resolve) => a.runtime.after(10, resolve));
        inside -= 1;
      }),
    );
    const all = outcomeOf(Promise.all(runs));
    await time.advance(500);
    expect([all.done, all.error]).toEqual([true, undefined]);
    expect(order).toEqual(Array.from({ length: 20 }, (_, index) => index));
    const grants = store.history.flatMap((event) => (event.kind === 'locked' ? [event.attempt] : []));
    expect(new Set(grants).size).toBe(20);
  });

  it('L1: never has two holders, whatever gets lost on the way', async () => {
    const { time, process, store } = world();
    const people = ['a', 'b', 'c', 'd'].map((id) => process(id, { requestMs: [1, 50], replyMs: [1, 50] }));
    store.inject({ kind: 'drop-request', chance: 0.1 });
    store.inject({ kind: 'drop-reply', chance: 0.1 });
    store.inject({ kind: 'delay', replyMs: 8_000, chance: 0.05 });
    store.inject({ kind: 'duplicate', afterMs: 5_000, chance: 0.1 });
    let inside = 0;
    let rounds = 0;
    const overlaps: number[] = [];
    const results = people.map(async ({ runtime, under }) => {
      for (let round = 0; round < 10; round += 1) {
        const work = under('job', async (lock) => {
          inside += 1;
          if (inside > 1) overlaps.push(time.nowMs);
          await new Promise<void>((resolve) => runtime.after(500, resolve));
          inside -= lock.signal.aborted ? 1 : 1;
          rounds += 1;
        });
        await work.catch(() => undefined);
      }
    });
    const all = outcomeOf(Promise.all(results));
    await time.advance(3_000_000);
    expect(all.done).toBe(true);
    expect(overlaps).toEqual([]);
    expect(rounds).toBeGreaterThan(30);
  });

  it('L6: gives up at its signal, at once, and leaves nothing behind', async () => {
    const { time, process, locks } = world();
    const a = process('a');
    a.faults.inject({ kind: 'drop-reply', verbs: ['lock'], times: 1 });
    const controller = new AbortController();
    const waiting = outcomeOf(a.acquire('job', { signal: controller.signal }));
    await time.advance(100);
    expect(locks()).toHaveLength(1);
    controller.abort('enough');
    await time.advance(0);
    expect(waiting.error).toMatchObject({ code: 'ABORTED', cause: 'enough' });
    await time.advance(10);
    expect(locks()).toHaveLength(0);
    expect(a.runtime.pendingTimers).toBe(0);
  });

  it('gives up at its signal while it waits, in the queue or for the store', async () => {
    const { time, process } = world();
    const [a, b] = [process('a'), process('b')];
    await a.acquire('job');
    for (const each of [a, b]) {
      const controller = new AbortController();
      const waiting = outcomeOf(each.acquire('job', { signal: controller.signal }));
      await time.advance(1_000);
      controller.abort('enough');
      await time.advance(0);
      expect(waiting.error).toMatchObject({ code: 'ABORTED', cause: 'enough' });
    }
    expect(b.runtime.pendingTimers).toBe(0);
    await expect(b.acquire('job', { signal: AbortSignal.abort('x') })).rejects.toMatchObject({ code: 'ABORTED' });
  });

  it('a contender that gave up does not hold up the next', async () => {
    const { time, process } = world();
    const a = process('a');
    const held = await a.acquire('job');
    const controller = new AbortController();
    void a.acquire('job', { signal: controller.signal }).catch(() => undefined);
    const third = outcomeOf(a.acquire('job'));
    controller.abort();
    await held.release();
    await time.advance(0);
    expect(third.done).toBe(true);
  });

  it('repeats its attempt through failures, and keeps the first token', async () => {
    const { time, process, store } = world();
    const a = process('a');
    a.faults.inject({ kind: 'drop-reply', verbs: ['lock'], times: 2 });
    const waiting = outcomeOf(a.acquire('job'));
    await time.advance(15_000);
    expect(waiting.value?.token).toBe(1n);
    expect(store.history).toHaveLength(1);
  });

  it('says what the store said when it never answered', async () => {
    const { time, process } = world();
    const a = process('a');
    a.faults.inject({ kind: 'fail', code: 'STORE_UNREACHABLE' });
    const waiting = outcomeOf(a.acquire('job', { waitMs: 10_000 }));
    await time.advance(10_000);
    expect(waiting.error).toMatchObject({ code: 'LOCK_NOT_ACQUIRED', cause: { code: 'STORE_UNREACHABLE' } });
    await expect(a.acquire('job', { waitMs: 0 })).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
    a.faults.clear();
    a.faults.inject({ kind: 'fail', code: 'STORE_FORBIDDEN' });
    await expect(a.acquire('job')).rejects.toMatchObject({ code: 'STORE_FORBIDDEN' });
  });

  it('L6: an answer that is older than its lease is not used', async () => {
    const { time, process, store } = world();
    const a = process('a', { requestMs: 10, replyMs: 10 });
    const waiting = outcomeOf(a.acquire('job'));
    await time.advance(15);
    a.runtime.pause();
    await time.advance(40_000);
    a.runtime.resume();
    await time.advance(1_000);
    const { token, signal } = waiting.value ?? {};
    expect(signal?.aborted).toBe(false);
    const current = store
      .cluster('c')
      .inspect()
      .locks.map((lock) => lock.token);
    expect(current).toEqual([token]);
  });

  it('waits without end when asked to', async () => {
    const { time, process } = world();
    const [a, b] = [process('a'), process('b')];
    const held = await a.acquire('job');
    const waiting = outcomeOf(b.acquire('job', { waitMs: 'unlimited' }));
    await time.advance(3_600_000);
    expect(waiting.done).toBe(false);
    await held.release();
    await time.advance(10);
    expect(waiting.done).toBe(true);
  });

  it.each([
    ['the formation lock', 'formation', {}, 'name'],
    ['the cleanup lock', 'cleanup', {}, 'name'],
    ['an impossible name', 'a/b', {}, 'name'],
    ['an option that does not exist', 'job', { ttl: 3 }, 'ttl'],
    ['a TTL below the floor', 'job', { ttlMs: 10 }, 'ttlMs'],
    ['a negative wait', 'job', { waitMs: -1 }, 'waitMs'],
    ['a wait in words', 'job', { waitMs: 'long' }, 'waitMs'],
    ['something else as a signal', 'job', { signal: {} }, 'signal'],
    ['an impossible owner', 'job', { owner: '' }, 'owner'],
  ])('refuses %s', async (_, name, options, option) => {
    const { process } = world();
    const acquiring = process('a').acquire(name, pretend<LockOptions>(options));
    await expect(acquiring).rejects.toMatchObject({ code: 'INVALID_OPTION', option });
  });

  it('refuses a store without locks', async () => {
    const { process } = world({ capabilities: { lock: 'none' } });
    await expect(process('a').acquire('job')).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });
});
