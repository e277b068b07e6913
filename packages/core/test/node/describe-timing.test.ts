import { type CleanupOptions, createClusterNode, describeTiming, processDriver } from '@autocluster/core';
import { memoryStore, simulateTime } from '@autocluster/testing';
import { describe, expect, it } from 'vitest';

function timingOf(cleanup?: CleanupOptions) {
  const { runtime } = simulateTime({ seed: 1 });
  const backend = memoryStore({ runtime, seed: 1 }).client({ cluster: 'c' });
  return describeTiming({ backend, ttlMs: 30_000, ...(cleanup !== undefined && { cleanup }) });
}

describe('the timing that a configuration buys', () => {
  it.each([undefined, { mode: 'off' }] as const)('removes nobody, and has no grace, with cleanup %o', (cleanup) => {
    expect(timingOf(cleanup)).toMatchObject({ graceMs: undefined, removalMs: undefined });
  });

  it('has a grace and no removal where cleanup only reports', () => {
    const { graceMs, latestTakeoverMs, removalMs } = timingOf({
      mode: 'report',
      intervalMs: 20_000,
      restartMs: 60_000,
    });
    expect([graceMs, removalMs]).toEqual([latestTakeoverMs + 60_000, undefined]);
  });

  it('removes no sooner than one grace after the latest takeover', () => {
    const { graceMs, latestTakeoverMs, removalMs } = timingOf({ mode: 'remove', graceMs: 300_000 });
    expect(graceMs).toBe(300_000);
    expect(removalMs).toBeGreaterThan(latestTakeoverMs + 300_000);
  });

  it('is one that a node takes, whatever the TTL is divided by', () => {
    const backend = memoryStore({ seed: 1 }).client({ cluster: 'c' });
    for (let ttlMs = 15_000; ttlMs < 15_060; ttlMs += 1) {
      const options = { backend, driver: processDriver(), ttlMs, cleanup: { mode: 'remove' } } as const;
      expect(describeTiming(options)).toMatchObject({ stopBudgetMs: Math.ceil(ttlMs / 10) });
      expect(createClusterNode(options).state).toEqual({ kind: 'idle' });
    }
  });
});
