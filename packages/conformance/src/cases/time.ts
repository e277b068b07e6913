import { systemClock } from '@autocluster/core/runtime';
import type { Case } from '../case.js';
import { check, same } from '../errors.js';
import type { Ask, Client } from '../space/client.js';
import {
  attemptOf,
  busy,
  entryOf,
  failureOf,
  held,
  names,
  recordOf,
  registered,
  registering,
  unique,
} from '../space/request.js';
import type { Space } from '../space/space.js';
import { question } from './question.js';

const ASK: Ask = { timeoutMs: 1000 };
const SILENCES = ['stall', 'dropReplies'] as const;
const HOUR_MS = 3_600_000;

/** Calls that reach nobody must reject, and {@link Client} insists that they do so in time. */
async function inSilence(space: Space, call: (struck: Client) => Promise<() => Promise<unknown>>): Promise<void> {
  for (const silence of SILENCES) {
    const struck = await space.client(`${space.cluster}-${unique().slice(0, 8)}`);
    await struck.list();
    const work = await call(struck);
    struck.faults[silence]();
    await failureOf(`a call under ${silence}`, work());
    await struck.faults.heal();
  }
}

const jumped = (wallMs: number): Ask => ({
  clock: { monotonicMs: () => systemClock.monotonicMs(), wallMs: () => systemClock.wallMs() + wallMs },
});

export const TIME_CASES: readonly Case[] = [
  question(
    'TIME-001',
    {
      rule: 'time.bounded',
      protects: ['V7', 'F6'],
      needs: ['wire'],
      sentence: 'A list without an answer rejects within timeoutMs plus 1 s.',
    },
    (space) => inSilence(space, async (struck) => () => struck.list(ASK)),
  ),
  question(
    'TIME-002',
    {
      rule: 'time.bounded',
      protects: ['V7'],
      needs: ['wire', 'explicit'],
      sentence: 'A register without an answer rejects within timeoutMs plus 1 s, a renewal too.',
    },
    async (space) => {
      const { longTtlMs } = space;
      await inSilence(space, async (struck) => () => struck.register(entryOf('a', longTtlMs), ASK));
      await inSilence(space, async (struck) => {
        const request = entryOf('b', longTtlMs);
        const entry = await registered(struck, request);
        return () => struck.register({ ...request, held: entry }, ASK);
      });
    },
  ),
  question(
    'TIME-003',
    {
      rule: 'time.bounded',
      protects: ['V7'],
      needs: ['wire', 'explicit'],
      sentence: 'An unregister without an answer rejects within timeoutMs plus 1 s.',
    },
    (space) =>
      inSilence(space, async (struck) => {
        const entry = await registered(struck, entryOf('n', space.longTtlMs));
        return () => struck.unregister(entry, ASK);
      }),
  ),
  question(
    'TIME-004',
    {
      rule: 'time.bounded',
      protects: ['V7', 'L5'],
      needs: ['wire', 'lock'],
      sentence: 'A lock without an answer rejects within timeoutMs plus 1 s, a renewal too: it is not lost, nor busy.',
    },
    async (space) => {
      const { longTtlMs } = space;
      await inSilence(space, async (struck) => () => struck.lock(attemptOf('a', longTtlMs, { name: 'x' }), ASK));
      await inSilence(space, async (struck) => {
        const request = attemptOf('a', longTtlMs, { name: 'y' });
        const grant = await held(struck, request);
        return () => struck.lock({ ...request, held: grant }, ASK);
      });
    },
  ),
  question(
    'TIME-005',
    {
      rule: 'time.bounded',
      protects: ['V7', 'F18'],
      needs: ['wire', 'lock'],
      sentence: 'An unlock without an answer rejects within timeoutMs plus 1 s, with a record and without.',
    },
    async (space) => {
      const { longTtlMs } = space;
      for (const withRecord of [false, true]) {
        const name = withRecord ? 'formation' : 'job';
        await inSilence(space, async (struck) => {
          const grant = await held(struck, attemptOf('a', longTtlMs, { name }));
          return () => struck.unlock(grant, withRecord ? { ...ASK, record: recordOf(grant.token) } : ASK);
        });
      }
    },
  ),
  question(
    'TIME-006',
    {
      rule: 'time.clock',
      protects: ['L4', 'R5'],
      needs: ['explicit', 'lock'],
      sentence: 'A wall clock that jumps an hour forward or back between calls changes nothing.',
    },
    async ({ one, two, longTtlMs }) => {
      const request = entryOf('a', longTtlMs);
      const attempt = attemptOf('a', longTtlMs);
      let entry = await registered(one, request, jumped(HOUR_MS));
      let grant = await held(one, attempt, jumped(-HOUR_MS));
      for (const wallMs of [-HOUR_MS, HOUR_MS, -24 * HOUR_MS]) {
        entry = await registered(one, { ...request, held: entry }, jumped(wallMs));
        grant = await held(one, { ...attempt, held: grant }, jumped(-wallMs));
        same((await two.list(jumped(wallMs))).members.length, 1, 'the number of members that are listed');
        await busy(two, attemptOf('b', longTtlMs), jumped(wallMs));
      }
      const record = recordOf(grant.token);
      same(await one.unlock(grant, { record, ...jumped(-HOUR_MS) }), { kind: 'released' }, 'the commit');
      same(
        (await registering(one, { ...request, held: entry })).record,
        { kind: 'present', record },
        'the record with a renewal',
      );
      await one.unregister(entry, jumped(HOUR_MS));
      same(await names(two), [], 'what is listed');
    },
  ),
  question(
    'TIME-007',
    {
      rule: 'errors.foreign',
      protects: ['L5', 'V4', 'R3'],
      needs: ['explicit', 'lock', 'wire'],
      sentence: 'While no connection comes about every verb rejects; afterwards the same client works again.',
    },
    async ({ client, two, longTtlMs, until }) => {
      const struck = await client();
      const request = entryOf('a', longTtlMs);
      const attempt = attemptOf('a', longTtlMs);
      const [entry, grant] = [await registered(struck, request), await held(struck, attempt)];
      struck.faults.refuse();
      await failureOf('list', struck.list(ASK));
      await failureOf('register', struck.register(entryOf('b', longTtlMs), ASK));
      await failureOf('a renewal of the entry', struck.register({ ...request, held: entry }, ASK));
      await failureOf('a renewal of the lock', struck.lock({ ...attempt, held: grant }, ASK));
      await failureOf('lock', struck.lock(attemptOf('b', longTtlMs, { name: 'job' }), ASK));
      await failureOf('unlock', struck.unlock(grant, ASK));
      await failureOf('unregister', struck.unregister(entry, ASK));
      await struck.faults.heal();
      same(await names(two), ['a'], 'what is listed by somebody else');
      await busy(two, attemptOf('c', longTtlMs));
      await until('the client works again', 10_000, () => struck.list().catch(() => undefined));
      const renewed = await held(struck, { ...attempt, held: grant });
      check(renewed.token === grant.token, `the token ${grant.token}`, renewed.token);
      await registered(struck, { ...request, held: entry });
    },
  ),
];
