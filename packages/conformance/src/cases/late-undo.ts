import type { Case } from '../case.js';
import { check, same } from '../errors.js';
import { attemptOf, busy, entryOf, held, names, registered } from '../space/request.js';
import type { Space } from '../space/space.js';
import { giveUp, tried } from './give-up.js';
import { question } from './question.js';

const SHORT_MS = 1000;
/** On the way there and on the way back, so that an answer comes when the call is over. */
const LATE_BY_MS = 400;

/** A client whose entry and lock were asked for, both of them given up after so long, and answered late. */
async function asksAndGivesUp({ client, longTtlMs }: Space, afterMs: number) {
  const struck = await client();
  await struck.list();
  const [entry, attempt] = [entryOf('a', longTtlMs), attemptOf('a', longTtlMs)];
  struck.faults.delay(LATE_BY_MS);
  const ask = { timeoutMs: afterMs };
  await Promise.all([tried(struck.register(entry, ask)), tried(struck.lock(attempt, ask))]);
  return { struck, entry, attempt };
}

export const LATE_UNDO_CASES: readonly Case[] = [
  question(
    'LATE-007',
    {
      rule: 'late.undo',
      protects: ['L6', 'L11', 'L12'],
      needs: ['lock', 'wire'],
      sentence: 'A lock request that arrives after it was given up can be found and released; a new attempt begins.',
    },
    async (space) => {
      const { one, client, longTtlMs } = space;
      await one.list();
      const struck = await client();
      await struck.list();
      const request = attemptOf('a', longTtlMs);
      struck.faults.stall();
      const outcome = await tried(struck.lock(request, { timeoutMs: SHORT_MS }));
      check('error' in outcome, 'a lock that reached nobody to reject; it answered', outcome);
      await struck.faults.heal();
      await giveUp(space, struck, request);
    },
  ),
  question(
    'LATE-008',
    {
      rule: 'late.close',
      protects: ['V7'],
      needs: ['wire'],
      sentence: 'close() settles, and so does what is under way, while the store does not answer.',
    },
    async ({ client, nowMs, capabilities, longTtlMs }) => {
      const struck = await client();
      await struck.list();
      struck.faults.stall();
      const hanging = [tried(struck.list({ timeoutMs: 8000 }))];
      if (capabilities.registration === 'explicit') {
        hanging.push(tried(struck.list({ timeoutMs: 8000 })), tried(struck.list({ timeoutMs: 8000 })));
        void tried(struck.register(entryOf('a', longTtlMs), { timeoutMs: 8000 }));
      }
      const beganMs = nowMs();
      await struck.backend.close();
      const outcomes = await Promise.all(hanging);
      const tookMs = Math.round(nowMs() - beganMs);
      check(tookMs < 5000, 'close() and the calls under way to settle within 5000 ms', tookMs);
      check(
        outcomes.every((each) => 'error' in each),
        'calls that got no answer to reject',
        outcomes,
      );
    },
  ),
  question(
    'LATE-010',
    {
      rule: 'late.undo',
      protects: ['L12', 'L4', 'R3'],
      needs: ['lock', 'explicit', 'wire'],
      sentence: 'What a repeat got stays, when the answer to the call before it comes at last.',
    },
    async (space) => {
      const { two, longTtlMs, sleep } = space;
      const { struck, entry, attempt } = await asksAndGivesUp(space, LATE_BY_MS + LATE_BY_MS / 2);
      await struck.faults.heal();
      const [registration, grant] = [await registered(struck, entry), await held(struck, attempt)];
      await sleep(3 * LATE_BY_MS);
      await busy(two, attemptOf('b', longTtlMs));
      same(await names(two), ['a'], 'what is listed');
      same((await held(struck, { ...attempt, held: grant })).token, grant.token, 'the token of a renewal');
      await registered(struck, { ...entry, held: registration });
    },
  ),
  question(
    'LATE-009',
    {
      rule: 'late.undo',
      protects: ['L6', 'L11', 'R1'],
      needs: ['lock', 'explicit', 'wire'],
      sentence: 'Answers that come after their calls were given up harm nobody: what they tell of is found by repeats.',
    },
    async (space) => {
      const { two, sleep } = space;
      const { struck, entry, attempt } = await asksAndGivesUp(space, LATE_BY_MS);
      await sleep(3 * LATE_BY_MS);
      await struck.faults.heal();
      await giveUp(space, struck, attempt);
      same((await registered(struck, entry)).instance, entry.instance, 'the instance of the repeat');
      same(await names(two), ['a'], 'what is listed');
    },
  ),
];
