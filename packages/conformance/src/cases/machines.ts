import { systemClock } from '@autocluster/core/runtime';
import type { Case } from '../case.js';
import { same } from '../errors.js';
import type { Ask, Client } from '../space/client.js';
import { attemptOf, busy, entryOf, held, registered } from '../space/request.js';
import { question } from './question.js';

const HOUR_MS = 3_600_000;

/** A machine that was started that much earlier than this one. */
const startedEarlier = (byMs: number): Ask => ({
  clock: { monotonicMs: () => systemClock.monotonicMs() + byMs, wallMs: () => systemClock.wallMs() },
});

let last: Promise<unknown> = Promise.resolve();

/**
 * Runs something while the wall clock of this process is wrong, for whoever reads it past the clock of the call. One after
 * another, so that each puts the right one back.
 */
function whileWallIsAhead(byMs: number, run: () => Promise<unknown>): Promise<void> {
  const mine = last.then(async () => {
    const real = globalThis.Date;
    const now = () => real.now() + byMs;
    globalThis.Date = new Proxy(real, {
      construct: (target, args, asked) => Reflect.construct(target, args.length === 0 ? [now()] : args, asked),
      get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)),
    });
    try {
      await run();
    } finally {
      globalThis.Date = real;
    }
  });
  last = mine.catch(() => undefined);
  return mine;
}

async function lists(client: Client, nodes: readonly string[], ask?: Ask): Promise<void> {
  const { members } = await client.list(ask);
  same(members.map(({ node }) => node).toSorted(), nodes, 'what is listed');
}

/** Questions about clients on machines whose clocks have nothing in common. */
export const MACHINE_CASES: readonly Case[] = [
  question(
    'TIME-008',
    {
      rule: 'time.clock',
      protects: ['L4', 'L1', 'R5'],
      needs: ['explicit', 'lock', 'wire'],
      sentence: 'What a machine holds is in force on another, whichever was started first.',
    },
    async ({ one, two, longTtlMs }) => {
      const [old, young] = [startedEarlier(1000 * HOUR_MS), startedEarlier(0)];
      await registered(one, entryOf('a', longTtlMs), old);
      await registered(two, entryOf('b', longTtlMs), young);
      await lists(one, ['a', 'b'], old);
      await lists(two, ['a', 'b'], young);
      await held(one, attemptOf('a', longTtlMs), old);
      await busy(two, attemptOf('b', longTtlMs), young);
      await held(two, attemptOf('b', longTtlMs, { name: 'job' }), young);
      await busy(one, attemptOf('a', longTtlMs, { name: 'job' }), old);
    },
  ),
  question(
    'TIME-009',
    {
      rule: 'time.clock',
      protects: ['L4', 'L1', 'R5'],
      needs: ['explicit', 'lock'],
      mode: 'alone',
      sentence: 'What is held by a process whose wall clock is an hour behind is in force for others.',
    },
    async ({ one, two, longTtlMs }) => {
      await whileWallIsAhead(-HOUR_MS, async () => {
        await registered(one, entryOf('a', longTtlMs));
        await held(one, attemptOf('a', longTtlMs));
      });
      for (const aheadMs of [0, HOUR_MS]) {
        await whileWallIsAhead(aheadMs, async () => {
          await lists(two, ['a']);
          await busy(two, attemptOf('b', longTtlMs));
        });
      }
    },
  ),
];
