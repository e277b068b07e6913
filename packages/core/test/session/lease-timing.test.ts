import { consulLike, FULL_CAPABILITIES } from '@autocluster/testing';
import { describe, expect, it } from 'vitest';
import { pretend } from '../guard/kit.js';
import {
  CLOCK_DRIFT,
  defaultCallTimeoutMs,
  grantedTiming,
  leaseTiming,
  timingOfGrant,
} from '../../src/session/index.js';

const capabilities = FULL_CAPABILITIES;
const consul = { ...capabilities, ...consulLike(15_000).capabilities };

describe('the timing of a lease', () => {
  it('is what the documents say for 30 s', () => {
    const timing = leaseTiming({ capabilities, ttlMs: 30_000 });
    expect(timing).toMatchObject({
      ttlMs: 30_000,
      renewalMs: 10_000,
      callTimeoutMs: 5_000,
      backoffMs: 500,
      stopBudgetMs: 3_000,
      earliestTakeoverMs: 30_000,
      latestTakeoverMs: 30_000,
      detectionMs: 21_000,
    });
    expect(timing.deadlineMs).toBeCloseTo(26_946, 0);
    expect(timing.guaranteedGapMs).toBeCloseTo(3_000, 5);
    expect(Object.isFrozen(timing)).toBe(true);
  });

  it.each([1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 600_000, 86_400_000])(
    'keeps every relation at %d ms with its own defaults',
    (ttlMs) => {
      for (const each of [capabilities, { ...consul, ttl: capabilities.ttl }]) {
        const timing = leaseTiming({ capabilities: each, ttlMs });
        const { renewalMs, callTimeoutMs, backoffMs, deadlineMs, stopBudgetMs, earliestTakeoverMs } = timing;
        const worst = (1 + CLOCK_DRIFT) / (1 - CLOCK_DRIFT);
        expect(renewalMs + 2 * (callTimeoutMs + backoffMs)).toBeLessThanOrEqual(deadlineMs);
        expect(deadlineMs * worst + stopBudgetMs).toBeLessThanOrEqual(earliestTakeoverMs + 1e-6);
        expect(timing.guaranteedGapMs).toBeGreaterThanOrEqual(stopBudgetMs - 1e-6);
      }
    },
  );

  it('knows how long a lock outlives its holder in a store with a lock delay', () => {
    const timing = leaseTiming({ capabilities: consul, ttlMs: 30_000 });
    expect(timing).toMatchObject({ earliestTakeoverMs: 30_000, latestTakeoverMs: 75_000 });
  });

  it('takes the deadline from the lock delay alone where a session may end at any time', () => {
    const takeover = { earliest: { timesTtl: 0, plusMs: 28_000 }, latest: { timesTtl: 2, plusMs: 28_000 } };
    const timing = leaseTiming({ capabilities: { ...consul, takeover }, ttlMs: 30_000 });
    expect(timing.deadlineMs).toBeCloseTo(24_950, 0);
    const shorter = { ...takeover, earliest: { timesTtl: 0, plusMs: 15_000 } };
    expect(() => leaseTiming({ capabilities: { ...consul, takeover: shorter }, ttlMs: 30_000 })).toThrow(
      /renewal .* ≤ deadline.*21000 > 11976.*ttlMs 30000.*takeover.earliest 15000/,
    );
  });

  const none = { earliest: { timesTtl: 0, plusMs: 1000 }, latest: { timesTtl: 1, plusMs: 0 } };
  const backwards = { earliest: { timesTtl: 2, plusMs: 0 }, latest: { timesTtl: 1, plusMs: 0 } };
  it.each([
    ['below the floor', { ttlMs: 900 }, 'ttlMs', /900; allowed: 1000 to 86400000 ms/],
    ['above the ceiling', { ttlMs: 86_400_001 }, 'ttlMs', /allowed/],
    [
      'above the ceiling once rounded up',
      { ttlMs: 9_500, ttl: { minMs: 1000, maxMs: 9_600, stepMs: 1000 } },
      'ttlMs',
      /steps of 1000 ms/,
    ],
    ['no whole number', { ttlMs: 30_000.5 }, 'ttlMs', /whole number/],
    ['no number', { ttlMs: pretend<number>('soon') }, 'ttlMs', /whole number/],
    ['negative', { ttlMs: -1 }, 'ttlMs', /whole number/],
    ['calls longer than the TTL', { ttlMs: 30_000, callTimeoutMs: 30_001 }, 'callTimeoutMs', /to 30000/],
    ['calls of no time', { ttlMs: 30_000, callTimeoutMs: 0 }, 'callTimeoutMs', /whole number/],
    [
      'calls too long for two tries',
      { ttlMs: 30_000, callTimeoutMs: 8_000 },
      'callTimeoutMs',
      /10000 \+ 2 × \(8000 \+ 500\) = 27000 > 26946.*ttlMs 30000, callTimeoutMs 8000/,
    ],
    [
      'a takeover before the stop budget',
      { ttlMs: 30_000, takeover: none },
      'ttlMs',
      /stop budget of ttlMs \/ 10 = 3000 ms leaves nothing of takeover.earliest = 1000/,
    ],
    [
      'a latest takeover before the earliest',
      { ttlMs: 30_000, takeover: backwards },
      'ttlMs',
      /latest takeover \(30000 ms\) is not before the earliest \(60000 ms\)/,
    ],
  ])('refuses a config with %s', (_, { ttlMs, callTimeoutMs, ...changes }: Bad, option, text) => {
    const options = { capabilities: { ...capabilities, ...changes }, ttlMs, callTimeoutMs };
    expect(() => leaseTiming(options)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', option, message: expect.stringMatching(text) }),
    );
  });

  it('rounds up to the steps of the store', () => {
    const stepped = { ...capabilities, ttl: { minMs: 2000, maxMs: 60_000, stepMs: 1000 } };
    expect(leaseTiming({ capabilities: stepped, ttlMs: 2500 }).ttlMs).toBe(3000);
  });

  it('takes any TTL where entries do not expire', () => {
    expect(leaseTiming({ capabilities: { ...capabilities, ttl: 'none' }, ttlMs: 500 }).ttlMs).toBe(500);
  });

  it('follows the TTL that was granted', () => {
    const asked = leaseTiming({ capabilities, ttlMs: 30_000, callTimeoutMs: 2_000 });
    expect(grantedTiming(asked, 30_000)).toBe(asked);
    expect(grantedTiming(asked, undefined)).toBe(asked);
    expect(grantedTiming(asked, 60_000)).toMatchObject({ renewalMs: 20_000, callTimeoutMs: 2_000 });
    expect(grantedTiming(asked, 3_000)).toMatchObject({ renewalMs: 1_000, callTimeoutMs: 500 });
    expect(grantedTiming(asked, 1e15).ttlMs).toBe(86_400_000);
    expect(timingOfGrant(capabilities, 30_000)).toEqual(leaseTiming({ capabilities, ttlMs: 30_000 }));
    expect(defaultCallTimeoutMs(3)).toBe(1);
  });
});

interface Bad {
  readonly ttlMs: number;
  readonly callTimeoutMs?: number;
  readonly [change: string]: unknown;
}
