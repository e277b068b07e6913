import { simulateTime } from '@autocluster/testing';
import { describe, expect, it } from 'vitest';

describe('simulated process', () => {
  it('drifts: its clock and its timers run at its own rate', async () => {
    const time = simulateTime({ seed: 1, startMs: 1000 });
    const fast = time.process({ driftRate: 2 });
    let firedAt = 0;
    fast.after(100, () => void (firedAt = time.nowMs));
    await time.advance(200);
    expect([firedAt, fast.clock.monotonicMs()]).toEqual([1050, 1400]);
    expect(() => time.process({ driftRate: 0 })).toThrow(RangeError);
  });

  it('has a wall clock that is off and jumps, which its monotonic clock does not notice', async () => {
    const time = simulateTime({ seed: 1 });
    const process = time.process({ offsetMs: 500 });
    const trueWall = time.runtime.clock.wallMs();
    expect(process.clock.wallMs()).toBe(trueWall + 500);
    process.jumpWall(-3_600_000);
    expect(process.clock.wallMs()).toBe(trueWall + 500 - 3_600_000);
    await time.advance(10);
    expect(process.clock.monotonicMs()).toBe(10);
  });

  it('paused: clocks run on, due timers fire at resume in order of their time', async () => {
    const time = simulateTime({ seed: 1 });
    const process = time.process();
    const fired: string[] = [];
    const note = (text: string) => () => void fired.push(`${text}@${time.nowMs}`);
    process.after(30, note('b'));
    process.after(10, note('a'));
    process.after(500, note('c'));
    process.pause();
    process.after(5, note('set while paused'));
    await time.advance(100);
    expect([fired, process.clock.monotonicMs(), process.state]).toEqual([[], 100, 'paused']);
    process.resume();
    await time.advance(0);
    expect(fired).toEqual(['set while paused@100', 'a@100', 'b@100']);
    await time.advance(400);
    expect(fired.at(-1)).toBe('c@500');
  });

  it('suspended: the monotonic clock stands still while the wall clock moves, timers keep what is left of them', async () => {
    const time = simulateTime({ seed: 1 });
    const process = time.process();
    let firedAt = 0;
    process.after(50, () => void (firedAt = time.nowMs));
    await time.advance(20);
    const wall = process.clock.wallMs();
    process.suspend();
    await time.advance(1000);
    expect(process.clock.monotonicMs()).toBe(20);
    expect(process.clock.wallMs()).toBe(wall + 1000);
    process.resume();
    await time.advance(29);
    expect(firedAt).toBe(0);
    await time.advance(1);
    expect([firedAt, process.clock.monotonicMs()]).toEqual([1050, 50]);
  });

  it('moves on also where what is left of a span is less than the digits of the time can tell', async () => {
    const time = simulateTime({ seed: 1 });
    const process = time.process();
    await time.advance(1e9);
    const before = process.clock.monotonicMs();
    process.after(1e-12, () => undefined);
    await time.advance(1);
    const at: number[] = [];
    process.after(1e-12, () => void at.push(process.clock.monotonicMs() - before - 1));
    await time.advance(1);
    expect(at).toHaveLength(1);
    expect(at[0]).toBeGreaterThan(0);
  });

  it('crashed: nothing fires ever again', async () => {
    const time = simulateTime({ seed: 1 });
    const process = time.process();
    let fired = 0;
    process.after(10, () => void (fired += 1));
    process.crash();
    process.resume();
    process.after(10, () => void (fired += 1));
    await time.advance(100);
    expect([fired, process.pendingTimers, time.pendingTimers]).toEqual([0, 0, 0]);
  });

  it('cancels timers, also while it is halted', async () => {
    const time = simulateTime({ seed: 1 });
    const process = time.process();
    let fired = 0;
    const first = process.after(10, () => void (fired += 1));
    const second = process.after(10, () => void (fired += 1));
    first();
    process.pause();
    second();
    await time.advance(100);
    process.resume();
    await time.advance(100);
    expect(fired).toBe(0);
  });

  it('has randomness and ids of its own', () => {
    const time = simulateTime({ seed: 1 });
    const [one, other] = [time.process(), time.process()];
    expect(one.random()).not.toBe(other.random());
    expect(new Set([one.uniqueId(), one.uniqueId(), other.uniqueId(), time.runtime.uniqueId()]).size).toBe(4);
  });
});
