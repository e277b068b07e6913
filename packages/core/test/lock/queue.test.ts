import { describe, expect, it } from 'vitest';
import { outcomeOf } from '../guard/kit.js';
import { world } from './kit.js';

describe('contenders of one process', () => {
  it('wait for at most waitMs while the lock stays where it is, however many give up before them', async () => {
    const { time, process } = world();
    const [a, b] = [process('a'), process('b')];
    await b.acquire('job');
    const waiting = Array.from({ length: 5 }, () => outcomeOf(a.acquire('job', { waitMs: 10_000 })));
    await time.advance(5_000);
    const later = outcomeOf(a.acquire('job', { waitMs: 10_000 }));
    await time.advance(5_000);
    expect(waiting.map(({ error }) => error?.code)).toEqual(waiting.map(() => 'LOCK_NOT_ACQUIRED'));
    await time.advance(5_000);
    expect(later.error).toMatchObject({ code: 'LOCK_NOT_ACQUIRED', details: { holder: 'b', waitedMs: 10_000 } });
  });

  it('wait longer when it changes hands before them', async () => {
    const { time, process } = world();
    const [a, b] = [process('a'), process('b')];
    const other = await b.acquire('job');
    const first = outcomeOf(a.acquire('job'));
    const second = outcomeOf(a.acquire('job', { waitMs: 10_000 }));
    await time.advance(9_000);
    await other.release();
    await time.advance(9_000);
    expect([first.done, second.done]).toEqual([true, false]);
    await first.value?.release();
    await time.advance(0);
    expect(second.value?.token).toBeGreaterThan(0n);
  });
});
