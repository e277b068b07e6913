import { systemRuntime } from '@autocluster/core/runtime';
import type { Case } from '../case.js';
import { check, same } from '../errors.js';
import { attemptOf, busy, entryOf, failureOf, held, names, recordOf, registered } from '../space/request.js';
import { giveUp } from './give-up.js';
import { question } from './question.js';

const ABORTED = AbortSignal.abort();

/** A signal that aborts once what was called has had a moment to begin. */
function abortSoon(): AbortSignal {
  const controller = new AbortController();
  systemRuntime.after(1, () => controller.abort());
  return controller.signal;
}

export const ABORT_CASES: readonly Case[] = [
  question(
    'ABORT-001',
    {
      rule: 'time.abort',
      protects: ['R1'],
      needs: ['explicit'],
      sentence: 'register and unregister with an aborted signal reject and change nothing.',
    },
    async ({ one, two, longTtlMs }) => {
      const entry = await registered(one, entryOf('a', longTtlMs));
      await failureOf('register', one.register(entryOf('b', longTtlMs), { signal: ABORTED }));
      await failureOf('unregister', one.unregister(entry, { signal: ABORTED }));
      same(await names(two), ['a'], 'what is listed');
    },
  ),
  question(
    'ABORT-002',
    { rule: 'time.abort', protects: ['F6'], sentence: 'list with an aborted signal rejects.' },
    async ({ one }) => void (await failureOf('list', one.list({ signal: ABORTED }))),
  ),
  question(
    'ABORT-003',
    {
      rule: 'time.abort',
      protects: ['L6', 'L7'],
      needs: ['lock'],
      sentence: 'lock and unlock with an aborted signal reject and change nothing.',
    },
    async ({ one, two, longTtlMs }) => {
      const grant = await held(one, attemptOf('a', longTtlMs));
      await failureOf('unlock', one.unlock(grant, { signal: ABORTED, record: recordOf(grant.token) }));
      await busy(two, attemptOf('b', longTtlMs));
      same((await two.list()).record, { kind: 'absent' }, 'the record');
      await failureOf('lock', one.lock(attemptOf('a', longTtlMs, { name: 'job' }), { signal: ABORTED }));
      await held(two, attemptOf('b', longTtlMs, { name: 'job' }));
    },
  ),
  question(
    'ABORT-004',
    {
      rule: 'time.abort',
      protects: ['R1', 'R4'],
      needs: ['explicit'],
      sentence: 'A register that is aborted while it runs can be repeated, and then removed without a trace.',
    },
    async ({ one, two, longTtlMs, until }) => {
      const request = entryOf('a', longTtlMs);
      await one.register(request, { signal: abortSoon() }).catch(() => undefined);
      const entry = await registered(one, request);
      same(await names(two), ['a'], 'what is listed after the repeat');
      await until('the entry is gone', 3000, async () => {
        await one.unregister(entry);
        return (await names(two)).length === 0 ? true : undefined;
      });
    },
  ),
  question(
    'ABORT-005',
    {
      rule: 'late.undo',
      protects: ['L6', 'L11', 'L12'],
      needs: ['lock'],
      sentence: 'What a lock call that is aborted while it runs may have got can be found by a repeat and released.',
    },
    async (space) => {
      const { one, longTtlMs } = space;
      const request = attemptOf('a', longTtlMs);
      await one.lock(request, { signal: abortSoon() }).catch(() => undefined);
      await giveUp(space, one, request);
    },
  ),
  question(
    'ABORT-006',
    {
      rule: 'late.repeat',
      protects: ['F18'],
      needs: ['lock'],
      sentence: 'A commit that is aborted while it runs has happened or not, and its repeat answers released.',
    },
    async ({ one, two, longTtlMs }) => {
      const grant = await held(one, attemptOf('a', longTtlMs));
      const record = recordOf(grant.token);
      await one.unlock(grant, { record, signal: abortSoon() }).catch(() => undefined);
      same(await one.unlock(grant, { record }), { kind: 'released' }, 'the repeat');
      same((await two.list()).record, { kind: 'present', record }, 'the record');
      await held(two, attemptOf('b', longTtlMs));
    },
  ),
  question(
    'ABORT-007',
    {
      rule: 'late.held',
      protects: ['L5', 'R3'],
      needs: ['lock', 'explicit'],
      sentence: 'Renewals that are aborted while they run leave lock and entry as they were.',
    },
    async ({ one, two, longTtlMs }) => {
      const [attempt, entry] = [attemptOf('a', longTtlMs), entryOf('a', longTtlMs)];
      const [grant, registration] = [await held(one, attempt), await registered(one, entry)];
      for (let round = 0; round < 3; round += 1) {
        await one.lock({ ...attempt, held: grant }, { signal: abortSoon() }).catch(() => undefined);
        await one.register({ ...entry, held: registration }, { signal: abortSoon() }).catch(() => undefined);
      }
      await busy(two, attemptOf('b', longTtlMs));
      same(await names(two), ['a'], 'what is listed');
      const renewed = await held(one, { ...attempt, held: grant });
      check(renewed.token === grant.token, `the token ${grant.token}`, renewed.token);
    },
  ),
  question(
    'ABORT-008',
    {
      rule: 'time.abort',
      protects: ['R2', 'F6'],
      needs: ['explicit'],
      sentence:
        'An unregister that is aborted while it runs can be repeated; a list that is aborted spoils none of the next.',
    },
    async ({ one, two, longTtlMs }) => {
      await registered(one, entryOf('b', longTtlMs));
      const entry = await registered(one, entryOf('a', longTtlMs));
      await one.unregister(entry, { signal: abortSoon() }).catch(() => undefined);
      await one.unregister(entry);
      for (let round = 0; round < 3; round += 1) {
        await one.list({ signal: abortSoon() }).catch(() => undefined);
        same(await names(one), ['b'], 'what is listed');
      }
      same(await names(two), ['b'], 'what is listed by another');
    },
  ),
  question(
    'ABORT-009',
    {
      rule: 'time.abort',
      protects: ['L7', 'L9'],
      needs: ['lock'],
      sentence: 'A release that is aborted while it runs can be repeated, and the lock is free.',
    },
    async ({ one, two, longTtlMs }) => {
      const grant = await held(one, attemptOf('a', longTtlMs));
      await one.unlock(grant, { signal: abortSoon() }).catch(() => undefined);
      await one.unlock(grant);
      await held(two, attemptOf('b', longTtlMs));
    },
  ),
];
