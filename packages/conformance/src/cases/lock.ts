import { CLEANUP_LOCK, FORMATION_LOCK } from '@autocluster/core/backend';
import type { Case } from '../case.js';
import { check, same } from '../errors.js';
import { attemptOf, busy, held, lost, recordOf, released, unique } from '../space/request.js';
import { question } from './question.js';

export const LOCK_CASES: readonly Case[] = [
  question(
    'LOCK-001',
    {
      rule: 'lock.exclusive',
      protects: ['L1'],
      needs: ['lock'],
      sentence: 'While one client holds a lock, it is busy for the other, which learns at most the holder.',
    },
    async ({ one, two, longTtlMs }) => {
      const grant = await held(one, attemptOf('a', longTtlMs));
      const { holder } = await busy(two, attemptOf('b', longTtlMs));
      check(holder === undefined || holder === 'a', "the holder's node or nothing", holder);
      await released(one, grant);
      await held(two, attemptOf('b', longTtlMs));
    },
  ),
  question(
    'LOCK-002',
    {
      rule: 'lock.exclusive',
      protects: ['L1'],
      needs: ['lock'],
      sentence: 'Of many attempts at the same moment exactly one gets the lock.',
    },
    async ({ one, two, longTtlMs }) => {
      for (let round = 0; round < 3; round += 1) {
        const name = `race-${round}`;
        const attempts = Array.from({ length: 20 }, (_, index) => attemptOf(`n${index}`, longTtlMs, { name }));
        const outcomes = await Promise.all(
          attempts.map((request, index) => (index % 2 === 0 ? one : two).lock(request)),
        );
        const winners = outcomes.filter(({ kind }) => kind === 'held');
        same(winners.length, 1, 'the number of attempts that got the lock');
        same(outcomes.filter(({ kind }) => kind === 'busy').length, 19, 'the number of attempts that found it busy');
      }
    },
  ),
  question(
    'LOCK-003',
    {
      rule: 'lock.exclusive',
      protects: ['L1', 'L10'],
      needs: ['lock'],
      sentence: 'Locks of different names are held at the same time.',
    },
    async ({ one, two, longTtlMs }) => {
      for (const name of [FORMATION_LOCK, CLEANUP_LOCK, 'form', 'formation-2', 'a b%2F', 'Formation']) {
        await held(name.length % 2 ? one : two, attemptOf('a', longTtlMs, { name }));
      }
    },
  ),
  question(
    'LOCK-004',
    {
      rule: 'lock.attempt',
      protects: ['L6', 'L12'],
      needs: ['lock'],
      sentence: 'A repeat of an attempt, from whichever client, answers the same grant.',
    },
    async ({ one, two, longTtlMs }) => {
      const request = attemptOf('a', longTtlMs);
      const first = await held(one, request);
      for (const client of [one, two]) {
        const again = await held(client, request);
        same(again.token, first.token, 'the token of the repeat');
        same(again.attempt, first.attempt, 'its attempt');
      }
      await released(two, first);
      await held(two, attemptOf('b', longTtlMs));
    },
  ),
  question(
    'LOCK-005',
    {
      rule: 'lock.owner',
      protects: ['L8', 'L12'],
      needs: ['lock'],
      sentence: 'Another attempt of the same node and instance is busy.',
    },
    async ({ one, two, longTtlMs }) => {
      const request = attemptOf('a', longTtlMs);
      await held(one, request);
      await busy(one, { ...request, attempt: unique() });
      await busy(two, { ...request, attempt: unique() });
    },
  ),
  question(
    'LOCK-006',
    {
      rule: 'lock.owner',
      protects: ['L8'],
      needs: ['lock'],
      sentence: 'Another instance of the same node is busy.',
    },
    async ({ one, two, longTtlMs }) => {
      await held(one, attemptOf('a', longTtlMs));
      await busy(two, attemptOf('a', longTtlMs, { instance: 'a-2' }));
    },
  ),
  question(
    'LOCK-007',
    {
      rule: 'lock.busy',
      protects: ['L10', 'V7'],
      needs: ['lock'],
      mode: 'alone',
      sentence: 'A busy answer leaves nothing behind in the store, neither key nor lease.',
    },
    async ({ one, two, operator, longTtlMs, until }) => {
      const grant = await held(one, attemptOf('a', longTtlMs));
      const before = (await operator.inventory()).toSorted();
      for (let round = 0; round < 3; round += 1) await busy(two, attemptOf('b', longTtlMs));
      await until('the store keeps what it kept before the busy answers', 2000, async () => {
        const after = (await operator.inventory()).toSorted();
        return after.join('\n') === before.join('\n') ? true : undefined;
      });
      await released(one, grant);
      await held(one, attemptOf('c', longTtlMs));
    },
  ),
  question(
    'LOCK-008',
    {
      rule: 'lock.renew',
      protects: ['L13', 'L5'],
      needs: ['lock'],
      sentence: 'A renewal answers the same grant with the same token.',
    },
    async ({ one, two, longTtlMs }) => {
      const request = attemptOf('a', longTtlMs);
      let grant = await held(one, request);
      const { token } = grant;
      for (let round = 0; round < 3; round += 1) {
        grant = await held(one, { ...request, held: grant });
        same(grant.token, token, 'the token of the renewal');
        same(grant.attempt, request.attempt, 'its attempt');
      }
      await busy(two, attemptOf('b', longTtlMs));
      await released(one, grant);
    },
  ),
  question(
    'LOCK-009',
    {
      rule: 'lock.renew',
      protects: ['L13'],
      needs: ['lock'],
      sentence: 'A renewal whose key somebody deleted, while its lease lives, is lost.',
    },
    async ({ one, two, operator, longTtlMs }) => {
      const request = attemptOf('a', longTtlMs);
      const grant = await held(one, request);
      await operator.deleteLock(request.name);
      await lost(one, { ...request, held: grant });
      await held(two, attemptOf('b', longTtlMs));
    },
  ),
  question(
    'LOCK-010',
    {
      rule: 'lock.renew',
      protects: ['L13', 'L7', 'L11'],
      needs: ['lock'],
      sentence: 'A renewal that finds the lock in other hands is lost, and leaves it there.',
    },
    async ({ one, two, operator, longTtlMs }) => {
      const request = attemptOf('a', longTtlMs);
      const grant = await held(one, request);
      await operator.deleteLock(request.name);
      const next = attemptOf('b', longTtlMs);
      const theirs = await held(two, next);
      await lost(one, { ...request, held: grant });
      same((await held(two, { ...next, held: theirs })).token, theirs.token, "the other's token");
    },
  ),
  question(
    'LOCK-011',
    {
      rule: 'lock.renew',
      protects: ['L7'],
      needs: ['lock'],
      sentence: 'A renewal after the release is lost, and takes nothing.',
    },
    async ({ one, two, longTtlMs }) => {
      const request = attemptOf('a', longTtlMs);
      const grant = await held(one, request);
      await released(one, grant);
      await lost(one, { ...request, held: grant });
      await held(two, attemptOf('b', longTtlMs));
      await lost(one, { ...request, held: grant });
    },
  ),
  question(
    'LOCK-012',
    {
      rule: 'lock.token',
      protects: ['L2'],
      needs: ['lock'],
      sentence: 'Every holder has a larger token than the one before, whichever client asks.',
    },
    async ({ one, two, longTtlMs }) => {
      let last = -1n;
      for (let round = 0; round < 6; round += 1) {
        const client = round % 2 === 0 ? one : two;
        const grant = await held(client, attemptOf(`n${round}`, longTtlMs));
        check(grant.token > last, `a token larger than ${last}`, grant.token);
        last = grant.token;
        await released(client, grant, round === 3 ? recordOf(grant.token) : undefined);
      }
    },
  ),
  question(
    'LOCK-013',
    {
      rule: 'lock.token',
      protects: ['L2'],
      needs: ['lock'],
      sentence: 'The token grows also after somebody deleted the key of the lock, held or free.',
    },
    async ({ one, two, operator, longTtlMs }) => {
      const first = await held(one, attemptOf('a', longTtlMs));
      await operator.deleteLock(first.name);
      const second = await held(two, attemptOf('b', longTtlMs));
      check(second.token > first.token, `a token larger than ${first.token}`, second.token);
      await released(two, second);
      await operator.deleteLock(first.name);
      const third = await held(one, attemptOf('a', longTtlMs));
      check(third.token > second.token, `a token larger than ${second.token}`, third.token);
    },
  ),
  question(
    'LOCK-014',
    {
      rule: 'lock.record',
      protects: ['F1', 'F6'],
      needs: ['lock'],
      sentence:
        'A grant of the formation lock carries the record as it is, repeats and renewals too; others carry none.',
    },
    async ({ one, two, operator, longTtlMs }) => {
      const first = attemptOf('a', longTtlMs);
      const grant = await held(one, first);
      same(grant.record, { kind: 'absent' }, 'the record with the first grant');
      const record = recordOf(grant.token);
      await released(one, grant, record);
      const second = attemptOf('b', longTtlMs);
      const next = await held(two, second);
      same(next.record, { kind: 'present', record }, 'the record with the second grant');
      same((await held(two, second)).record, { kind: 'present', record }, 'the record with a repeat');
      await operator.writeRecord('{');
      const renewed = await held(two, { ...second, held: next });
      const seen = renewed.record?.kind ?? 'unreadable';
      same(seen, 'unreadable', 'the record with a renewal, when it has one');
      same(
        (await held(two, attemptOf('b', longTtlMs, { name: 'job' }))).record,
        undefined,
        'the record of another lock',
      );
    },
  ),
];
