import { describe, expect, it } from 'vitest';
import { world } from './kit.js';

describe('L5: the release of a lock whose first answer is lost', () => {
  it('fails nothing of work that ended under it', async () => {
    const { time, process, locks } = world();
    const a = process('a');
    a.faults.inject({ kind: 'fail', code: 'STORE_FAILED', applied: true, verbs: ['unlock'], times: 1 });
    const ended = a.under('job', () => Promise.resolve('value')).catch((error: unknown) => error);
    await time.advance(5_000);
    expect(locks()).toEqual([]);
    expect(await ended).toBe('value');
  });

  it('nor when no answer comes at all', async () => {
    const { time, process, locks } = world();
    const a = process('a');
    a.faults.inject({ kind: 'drop-reply', verbs: ['unlock'], times: 1 });
    const ended = a.under('job', () => Promise.resolve('value')).catch((error: unknown) => error);
    await time.advance(10_000);
    expect(locks()).toEqual([]);
    expect(await ended).toBe('value');
  });
});
