import { isClusterError } from '@autocluster/core/backend';
import { deadline, pause } from '@autocluster/core/runtime';
import { simulateTime } from '@autocluster/testing';
import { describe, expect, it, vi } from 'vitest';

const never = new AbortController().signal;

async function microtasks(count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) await Promise.resolve();
}

describe('simulated time', () => {
  it('fires timers in time order, first in first out among equal times', async () => {
    const time = simulateTime({ seed: 1, startMs: 500 });
    const fired: string[] = [];
    const note = (text: string) => () => void fired.push(`${text}@${time.nowMs}`);
    time.runtime.after(20, note('late'));
    time.runtime.after(10, note('first'));
    time.runtime.after(10, note('second'));
    const cancel = time.runtime.after(5, note('cancelled'));
    cancel();
    expect(time.pendingTimers).toBe(3);
    await time.advance(10);
    expect(fired).toEqual(['first@510', 'second@510']);
    await time.advance(100);
    expect(fired).toEqual(['first@510', 'second@510', 'late@520']);
    expect(time.nowMs).toBe(610);
    expect(time.runtime.clock.monotonicMs()).toBe(610);
  });

  it('runs every microtask between two timers, also of one instant', async () => {
    const time = simulateTime({ seed: 1 });
    const log: string[] = [];
    for (const name of ['a', 'b', 'c']) {
      time.runtime.after(1, () => {
        log.push(name);
        void microtasks(500).then(() => log.push(`${name} settled`));
        process.nextTick(() => void Promise.resolve().then(() => log.push(`${name} ticked`)));
      });
    }
    await time.advance(1);
    const order = log.filter((line) => !line.includes('ticked'));
    expect(order).toEqual(['a', 'a settled', 'b', 'b settled', 'c', 'c settled']);
    expect(log).toHaveLength(9);
  });

  it('keeps that order over many more timers than one turn of the event loop takes', async () => {
    const time = simulateTime({ seed: 1 });
    let inFlight = 0;
    let most = 0;
    for (let index = 0; index < 1000; index += 1) {
      time.runtime.after(index % 7, () => {
        inFlight += 1;
        most = Math.max(most, inFlight);
        void microtasks(20).then(() => void (inFlight -= 1));
      });
    }
    await time.advance(7);
    expect([most, inFlight]).toEqual([1, 0]);
  });

  it('settles what needs no time with advance(0)', async () => {
    const time = simulateTime({ seed: 1 });
    let settled = false;
    void microtasks(1000).then(() => void (settled = true));
    await time.advance(0);
    expect(settled).toBe(true);
  });

  it('fires timers that timers set', async () => {
    const time = simulateTime({ seed: 1 });
    const at: number[] = [];
    const again = () => {
      at.push(time.nowMs);
      time.runtime.after(10, again);
    };
    again();
    await time.advance(35);
    expect(at).toEqual([0, 10, 20, 30]);
  });

  it('runs until a condition holds, and no further', async () => {
    const time = simulateTime({ seed: 1 });
    let count = 0;
    const again = () => {
      count += 1;
      time.runtime.after(100, again);
    };
    time.runtime.after(100, again);
    await time.runUntil(() => count === 3, { limitMs: 1000 });
    expect([count, time.nowMs]).toEqual([3, 300]);
  });

  it('says why a condition did not hold', async () => {
    const time = simulateTime({ seed: 1 });
    await expect(time.runUntil(() => false, { limitMs: 10 })).rejects.toThrow(/10 ms .*no timer is pending/);
    time.runtime.after(20, () => undefined);
    const failure: unknown = await time.runUntil(() => false, { limitMs: 10 }).catch((error: unknown) => error);
    expect(isClusterError(failure, 'TIMEOUT')).toBe(true);
    expect(String(failure)).toContain('1 timers are pending');
  });

  it('rejects with what a timer throws, and can go on', async () => {
    const time = simulateTime({ seed: 1 });
    let fired = false;
    time.runtime.after(1, () => {
      throw new RangeError('broken');
    });
    time.runtime.after(2, () => void (fired = true));
    await expect(time.advance(5)).rejects.toThrow('broken');
    await time.advance(5);
    expect(fired).toBe(true);
  });

  it('refuses to be moved twice at once, backwards, or round and round', async () => {
    const time = simulateTime({ seed: 1 });
    const moving = time.advance(1);
    await expect(time.advance(1)).rejects.toThrow(/moving already/);
    await moving;
    await expect(time.advance(-1)).rejects.toMatchObject({ code: 'INVALID_OPTION', option: 'ms' });
    const spin = () => void time.runtime.after(0, spin);
    spin();
    await expect(time.advance(1)).rejects.toThrow(/endless loop/);
  });

  it('is not stopped by faked global timers', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'setImmediate', 'Date'] });
    try {
      const time = simulateTime({ seed: 1 });
      await time.advance(1000);
      expect(time.nowMs).toBe(1000);
    } finally {
      vi.useRealTimers();
    }
  });

  it('carries the helpers of the core', async () => {
    const time = simulateTime({ seed: 1 });
    const bounded = deadline(time.runtime, 100, 'list');
    let paused = true;
    void pause(time.runtime, 50, never).then(() => void (paused = false));
    await time.advance(50);
    expect([paused, bounded.signal.aborted]).toEqual([false, false]);
    await time.advance(50);
    expect(isClusterError(bounded.signal.reason, 'TIMEOUT')).toBe(true);
  });

  it('draws the same numbers and ids from the same seed, others from another', () => {
    const draw = (seed: number | string) => {
      const time = simulateTime({ seed });
      const process = time.process();
      return [time.runtime.random(), time.runtime.uniqueId(), process.random(), process.uniqueId()].join();
    };
    expect(draw(7)).toBe(draw(7));
    expect(draw(7)).not.toBe(draw(8));
    const { runtime } = simulateTime({ seed: 'spread' });
    const numbers = Array.from({ length: 10_000 }, () => runtime.random());
    expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...numbers)).toBeLessThan(1);
    expect(numbers.reduce((sum, each) => sum + each, 0) / numbers.length).toBeCloseTo(0.5, 1);
  });

  it('keeps the order after many cancellations', async () => {
    const time = simulateTime({ seed: 3 });
    const fired: number[] = [];
    for (let index = 0; index < 5000; index += 1) {
      const delayMs = Math.floor(time.runtime.random() * 1000);
      const cancel = time.runtime.after(delayMs, () => void fired.push(time.nowMs));
      if (time.runtime.random() < 0.9) cancel();
    }
    const expected = time.pendingTimers;
    await time.advance(1000);
    expect(fired).toHaveLength(expected);
    expect(fired).toEqual([...fired].sort((a, b) => a - b));
    expect(time.pendingTimers).toBe(0);
  });
});
