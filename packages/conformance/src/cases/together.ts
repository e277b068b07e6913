import type { LockGrant } from '@autocluster/core/backend';
import type { Case } from '../case.js';
import { check, same } from '../errors.js';
import { attemptOf, entryOf, held, memberIn, names, recordOf, registered, released } from '../space/request.js';
import { question } from './question.js';

const ROUNDS = 15;
const AT_ONCE = 10;

/** Questions that only many calls at the same time can answer. */
export const TOGETHER_CASES: readonly Case[] = [
  question(
    'LIST-007',
    {
      rule: 'list.together',
      protects: ['F6', 'F14', 'F1'],
      needs: ['explicit', 'lock', 'metadata'],
      sentence: 'No list shows a member of a newer record than the one that it shows.',
    },
    async ({ one, two, longTtlMs, sleep }) => {
      const request = entryOf('a', longTtlMs);
      let entry = await registered(one, request);
      const writer = { done: false };
      const write = async (): Promise<void> => {
        for (let version = 1; version <= ROUNDS; version += 1) {
          const grant = await held(one, attemptOf('a', longTtlMs));
          await released(one, grant, recordOf(grant.token, { version }));
          entry = await registered(one, { ...request, recordVersion: version, held: entry });
        }
      };
      const read = async (): Promise<void> => {
        while (!writer.done) {
          // A store that answers without waiting would leave no turn to the writer.
          await sleep(0);
          const list = await two.list();
          const seen = memberIn(list, 'a')?.recordVersion ?? 0;
          const version = list.record.kind === 'present' ? list.record.record.version : 0;
          check(version >= seen, `a record of at least version ${seen}, which a member in the list has`, list.record);
        }
      };
      await Promise.all([write().finally(() => (writer.done = true)), read(), read()]);
    },
  ),
  question(
    'LOCK-016',
    {
      rule: 'lock.attempt',
      protects: ['L12', 'L6'],
      needs: ['lock'],
      sentence: 'One attempt that is sent many times at once, by both clients, gets one grant.',
    },
    async ({ one, two, longTtlMs }) => {
      const request = attemptOf('a', longTtlMs);
      const outcomes = await Promise.all(
        Array.from({ length: AT_ONCE }, (_, index) => (index % 2 ? one : two).lock(request)),
      );
      const tokens = new Set(outcomes.flatMap((each) => (each.kind === 'held' ? [each.grant.token] : [])));
      same(tokens.size, 1, 'the number of different tokens');
      await released(two, await held(two, request));
      await held(one, attemptOf('b', longTtlMs));
    },
  ),
  question(
    'REG-015',
    {
      rule: 'register.conflict',
      protects: ['F12'],
      needs: ['explicit', 'exclusive'],
      sentence: 'Of many instances of one name that register at once exactly one does.',
    },
    async ({ one, two, longTtlMs }) => {
      const outcomes = await Promise.all(
        Array.from({ length: AT_ONCE }, (_, index) => (index % 2 ? one : two).register(entryOf('a', longTtlMs))),
      );
      same(outcomes.filter(({ kind }) => kind === 'registered').length, 1, 'the number that registered');
      same(await names(one), ['a'], 'what is listed');
    },
  ),
  question(
    'REG-016',
    {
      rule: 'register.idempotent',
      protects: ['R1'],
      needs: ['explicit'],
      sentence:
        'One instance that registers many times at once is one entry; calls that are in the way of others may reject.',
    },
    async ({ one, two, longTtlMs }) => {
      const request = entryOf('a', longTtlMs);
      const calls = Array.from({ length: AT_ONCE }, (_, index) => (index % 2 ? one : two).register(request));
      for (const settled of await Promise.allSettled(calls)) {
        if (settled.status === 'fulfilled') same(settled.value.kind, 'registered', 'the answer');
      }
      same(await names(one), ['a'], 'what is listed');
      await two.unregister(await registered(one, request));
      same(await names(one), [], 'what is listed after it was removed once');
    },
  ),
  question(
    'UNLOCK-009',
    {
      rule: 'unlock.exact',
      protects: ['L7'],
      needs: ['lock'],
      sentence: 'One grant that is released many times at once is released once.',
    },
    async ({ one, two, longTtlMs }) => {
      const grant = await held(one, attemptOf('a', longTtlMs));
      const outcomes = await Promise.all(
        Array.from({ length: AT_ONCE }, (_, index) => (index % 2 ? one : two).unlock(grant)),
      );
      same(outcomes.filter(({ kind }) => kind === 'released').length, 1, 'the number of releases');
    },
  ),
  question(
    'UNLOCK-010',
    {
      rule: 'unlock.commit',
      protects: ['L3', 'F1'],
      needs: ['lock', 'atomic'],
      sentence: 'Of two different records that are committed under one grant at once exactly one is written.',
    },
    async ({ one, two, longTtlMs }) => {
      const grant = await held(one, attemptOf('a', longTtlMs));
      const records = [recordOf(grant.token), recordOf(grant.token)] as const;
      const outcomes = await Promise.all([
        one.unlock(grant, { record: records[0] }),
        two.unlock(grant, { record: records[1] }),
      ]);
      const winners = records.filter((_, index) => outcomes[index]?.kind === 'released');
      same(winners.length, 1, 'the number of commits that were answered released');
      same((await one.list()).record, { kind: 'present', record: winners[0] }, 'the record');
    },
  ),
  question(
    'UNLOCK-011',
    {
      rule: 'unlock.commit',
      protects: ['F1', 'L3'],
      needs: ['lock'],
      sentence: 'Whoever gets the lock that a commit releases sees the record of that commit.',
    },
    async ({ one, two, longTtlMs, sleep, nowMs }) => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const grant = await held(one, attemptOf('a', longTtlMs));
        const record = recordOf(grant.token);
        const next = attemptOf('b', longTtlMs);
        const beganMs = nowMs();
        const takeOver = async (): Promise<LockGrant> => {
          for (;;) {
            const outcome = await two.lock(next);
            if (outcome.kind === 'held') return outcome.grant;
            check(nowMs() - beganMs < 10_000, 'the lock to be free after the commit');
            await sleep(0);
          }
        };
        const [theirs] = await Promise.all([takeOver(), released(one, grant, record)]);
        same(theirs.record, { kind: 'present', record }, 'the record with the next grant');
        await released(two, theirs);
      }
    },
  ),
  question(
    'DUP-001',
    {
      rule: 'late.undo',
      protects: ['L7', 'L11'],
      needs: ['lock', 'duplicates'],
      sentence: 'A copy of a lock request that arrives after the release takes nothing.',
    },
    async ({ one, two, longTtlMs, sleep }) => {
      one.faults.duplicate?.(300);
      const grant = await held(one, attemptOf('a', longTtlMs));
      await one.faults.heal();
      await released(one, grant);
      await sleep(600);
      await held(two, attemptOf('b', longTtlMs));
    },
  ),
  question(
    'DUP-002',
    {
      rule: 'unregister.exact',
      protects: ['R4', 'R2'],
      needs: ['explicit', 'duplicates'],
      sentence: 'A copy of a register request that arrives after unregister does not bring the entry back.',
    },
    async ({ one, two, longTtlMs, sleep }) => {
      one.faults.duplicate?.(300);
      const entry = await registered(one, entryOf('a', longTtlMs));
      await one.faults.heal();
      await one.unregister(entry);
      await sleep(600);
      same(await names(two), [], 'what is listed');
    },
  ),
];
