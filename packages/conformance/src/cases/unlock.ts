import { isClusterError } from '@autocluster/core/backend';
import type { Case } from '../case.js';
import { check, same } from '../errors.js';
import { attemptOf, busy, failureOf, held, recordOf, released } from '../space/request.js';
import { question } from './question.js';

export const UNLOCK_CASES: readonly Case[] = [
  question(
    'UNLOCK-001',
    {
      rule: 'unlock.exact',
      protects: ['L7'],
      needs: ['lock'],
      sentence: 'A second release of one grant is lost, and takes the lock from nobody.',
    },
    async ({ one, two, longTtlMs }) => {
      const grant = await held(one, attemptOf('a', longTtlMs));
      await released(one, grant);
      same(await one.unlock(grant), { kind: 'lost' }, 'the second release');
      const theirs = await held(two, attemptOf('b', longTtlMs));
      same(await one.unlock(grant), { kind: 'lost' }, 'a third, when another holds it');
      await busy(one, attemptOf('c', longTtlMs));
      await released(two, theirs);
    },
  ),
  question(
    'UNLOCK-002',
    {
      rule: 'unlock.exact',
      protects: ['L7', 'L12'],
      needs: ['lock'],
      sentence: 'A release of an older grant leaves a newer one of the same instance.',
    },
    async ({ one, two, longTtlMs }) => {
      const old = await held(one, attemptOf('a', longTtlMs));
      await released(one, old);
      const young = await held(one, attemptOf('a', longTtlMs));
      same(await one.unlock(old), { kind: 'lost' }, 'the release of the older grant');
      await busy(two, attemptOf('b', longTtlMs));
      await released(one, young);
    },
  ),
  question(
    'UNLOCK-003',
    {
      rule: 'unlock.commit',
      protects: ['F1', 'V6'],
      needs: ['lock'],
      sentence: 'A release with a record writes the whole record, unknown fields included, and frees the lock.',
    },
    async ({ one, two, longTtlMs }) => {
      const grant = await held(one, attemptOf('a', longTtlMs));
      const record = recordOf(grant.token, {
        size: 3,
        removed: ['x', 'ä-日本'],
        settings: { 'cleanup.paused': 'yes', '': '' },
        extra: { future: [1, { deep: 'ü' }], nothing: null },
      });
      await released(one, grant, record);
      same((await two.list()).record, { kind: 'present', record }, 'the record that is listed');
      await held(two, attemptOf('b', longTtlMs));
    },
  ),
  question(
    'UNLOCK-004',
    {
      rule: 'unlock.lost',
      protects: ['L3', 'F1', 'F7'],
      needs: ['lock'],
      sentence: 'A commit under a grant that another has taken over is lost, and changes neither record nor lock.',
    },
    async ({ one, two, operator, longTtlMs }) => {
      const old = await held(one, attemptOf('a', longTtlMs));
      await operator.deleteLock(old.name);
      const young = await held(two, attemptOf('b', longTtlMs));
      same(await one.unlock(old, { record: recordOf(old.token) }), { kind: 'lost' }, 'the commit of the older grant');
      same((await two.list()).record, { kind: 'absent' }, 'the record');
      await busy(one, attemptOf('c', longTtlMs));
      const record = recordOf(young.token);
      await released(two, young, record);
      same(await one.unlock(old, { record: recordOf(old.token) }), { kind: 'lost' }, 'a commit after the newer one');
      same((await one.list()).record, { kind: 'present', record }, 'the record');
    },
  ),
  question(
    'UNLOCK-005',
    {
      rule: 'unlock.lost',
      protects: ['L3', 'L13', 'F1'],
      needs: ['lock', 'fenced'],
      sentence:
        'A commit under a grant whose key was deleted is lost, and writes nothing, although nobody took the lock.',
    },
    async ({ one, two, operator, longTtlMs }) => {
      const grant = await held(one, attemptOf('a', longTtlMs));
      await operator.deleteLock(grant.name);
      same(await one.unlock(grant, { record: recordOf(grant.token) }), { kind: 'lost' }, 'the commit');
      same((await two.list()).record, { kind: 'absent' }, 'the record');
    },
  ),
  question(
    'UNLOCK-006',
    {
      rule: 'unlock.repeated',
      protects: ['F18', 'F1'],
      needs: ['lock'],
      sentence: 'A repeat of a commit that had happened is answered as released, also when another holds the lock now.',
    },
    async ({ one, two, longTtlMs }) => {
      const grant = await held(one, attemptOf('a', longTtlMs));
      const record = recordOf(grant.token);
      await released(one, grant, record);
      await released(one, grant, record);
      const next = await held(two, attemptOf('b', longTtlMs));
      await released(one, grant, record);
      await busy(one, attemptOf('c', longTtlMs));
      await released(two, next, { ...record, token: next.token, version: 2 });
      same(await one.unlock(grant, { record }), { kind: 'lost' }, 'a repeat after a later commit');
    },
  ),
  question(
    'UNLOCK-007',
    {
      rule: 'unlock.elsewhere',
      protects: ['F1'],
      needs: ['lock'],
      sentence: 'A record under any other lock is UNSUPPORTED; record and lock stay as they are.',
    },
    async ({ one, two, longTtlMs }) => {
      const request = attemptOf('a', longTtlMs, { name: 'job' });
      const grant = await held(one, request);
      const error = await failureOf('unlock with a record', one.unlock(grant, { record: recordOf(grant.token) }));
      check(isClusterError(error, 'UNSUPPORTED'), 'UNSUPPORTED', error);
      same((await two.list()).record, { kind: 'absent' }, 'the record');
      await busy(two, attemptOf('b', longTtlMs, { name: 'job' }));
      await held(one, { ...request, held: grant });
    },
  ),
  question(
    'UNLOCK-008',
    {
      rule: 'unlock.commit',
      protects: ['F1'],
      needs: ['lock'],
      sentence: 'A later commit replaces the record; a release without a record leaves it.',
    },
    async ({ one, two, longTtlMs }) => {
      const first = await held(one, attemptOf('a', longTtlMs));
      const record = recordOf(first.token);
      await released(one, first, record);
      const second = await held(two, attemptOf('b', longTtlMs));
      const changed = { ...record, token: second.token, version: 2, idle: true };
      await released(two, second, changed);
      const third = await held(one, attemptOf('c', longTtlMs));
      await released(one, third);
      same((await two.list()).record, { kind: 'present', record: changed }, 'the record');
    },
  ),
];
