import type { Case } from '../case.js';
import { check, same } from '../errors.js';
import { attemptOf, busy, entryOf, held, lost, memberIn, recordOf, registered, released } from '../space/request.js';
import { question } from './question.js';

/** How long a contender may be told to wait for a lock that anybody may release meanwhile. */
const LONGEST_WAIT_MS = 2000;

/** More questions about who holds a lock or a name, and until when. */
export const HOLDER_CASES: readonly Case[] = [
  question(
    'LOCK-017',
    {
      rule: 'time.wait',
      protects: ['L10'],
      needs: ['lock'],
      sentence:
        'Where nobody is told of a release, retryAfterMs is not the rest of a TTL: the lock may be released before.',
    },
    async ({ one, two, longTtlMs, nowMs }) => {
      const grant = await held(one, attemptOf('a', longTtlMs));
      const next = attemptOf('b', longTtlMs);
      const { retryAfterMs = 0, released: hint } = await busy(two, next);
      const beganMs = nowMs();
      await released(one, grant);
      await held(two, next);
      const earlyMs = Math.round(beganMs + retryAfterMs - nowMs());
      // Who is told of the release waits no longer than until then.
      check(hint !== undefined || earlyMs <= LONGEST_WAIT_MS, 'no success long before the time that was told', {
        retryAfterMs,
        earlyMs,
      });
    },
  ),
  question(
    'LOCK-018',
    {
      rule: 'lock.renew',
      protects: ['L12', 'L13', 'L8'],
      needs: ['lock'],
      sentence: 'A renewal of an older grant is lost, also when the same instance has a newer one, which stays.',
    },
    async ({ one, two, longTtlMs }) => {
      const [first, second] = [attemptOf('a', longTtlMs), attemptOf('a', longTtlMs)];
      const old = await held(one, first);
      await released(one, old);
      const young = await held(two, second);
      await lost(one, { ...first, held: old });
      await lost(two, { ...first, held: old });
      same((await held(two, { ...second, held: young })).token, young.token, 'the token of the newer grant');
    },
  ),
  question(
    'LOCK-019',
    {
      rule: 'lock.token',
      protects: ['L2', 'F14'],
      needs: ['lock'],
      sentence: 'The token grows also after somebody deleted the record.',
    },
    async ({ one, two, operator, longTtlMs }) => {
      let last = -1n;
      for (const client of [one, two, one]) {
        const grant = await held(client, attemptOf('a', longTtlMs));
        check(grant.token > last, `a token larger than ${last}`, grant.token);
        last = grant.token;
        await released(client, grant, recordOf(grant.token));
        await operator.deleteRecord();
      }
    },
  ),
  question(
    'LOCK-020',
    {
      rule: 'binding.manifest',
      protects: ['F6', 'C2'],
      needs: ['lock', 'tokenIsRevision'],
      sentence: 'Tokens and revisions are of one order: a list after a grant is not below its token, one before is.',
    },
    async ({ one, two, longTtlMs }) => {
      await released(one, await held(one, attemptOf('a', longTtlMs)));
      const before = await two.list();
      const { token } = await held(one, attemptOf('a', longTtlMs));
      const after = await two.list();
      check((before.revision ?? 0n) < token, `a revision below the token ${token} before it`, before.revision);
      check((after.revision ?? -1n) >= token, `a revision of at least the token ${token} after it`, after.revision);
    },
  ),
  question(
    'REG-017',
    {
      rule: 'register.renew',
      protects: ['F5', 'R3'],
      needs: ['explicit', 'metadata'],
      sentence: 'A renewal compares with the store, not with held: the answer to an earlier one may have been lost.',
    },
    async ({ one, two, longTtlMs }) => {
      const request = entryOf('a', longTtlMs);
      const first = await registered(one, request);
      const identity = { clusterId: 'c', generation: 1 };
      await registered(one, { ...request, state: 'ready', identity, held: first });
      await registered(one, { ...request, held: first });
      const listed = memberIn(await two.list(), 'a');
      same(listed?.state, 'joining', 'the state that is listed');
      same(listed?.identity, undefined, 'the identity that is listed');
    },
  ),
  question(
    'REG-018',
    {
      rule: 'unregister.exact',
      protects: ['R2', 'L8'],
      needs: ['explicit', 'shared'],
      sentence: 'Where names are not exclusive, unregister of one instance leaves the other of the same name.',
    },
    async ({ one, two, longTtlMs }) => {
      const old = await registered(one, entryOf('a', longTtlMs));
      const young = await registered(two, entryOf('a', longTtlMs));
      await one.unregister(old);
      const { members } = await two.list();
      same(
        members.map(({ instance }) => instance),
        [young.instance],
        'the instances that are listed',
      );
    },
  ),
];
