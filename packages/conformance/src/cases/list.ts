import type { Case } from '../case.js';
import { check, same } from '../errors.js';
import { attemptOf, entryOf, failureOf, held, names, recordOf, registered, released } from '../space/request.js';
import { question } from './question.js';

/** What somebody may leave in the place of an entry. */
export const NOT_ENTRIES = [
  '',
  'null',
  '[]',
  '"text"',
  '{',
  '{"format":2}',
  '{"format":1,"node":"x","instance":"y","state":"dead","metadata":{}}',
  '{"format":1,"node":"x/y","instance":"i","state":"ready","metadata":{},"ttlMs":-1}',
  `{"format":1,"metadata":{"__proto__":{"polluted":true}},"pad":"${'x'.repeat(70_000)}"}`,
  '['.repeat(20_000),
] as const;

/** After so many pieces of its answers a list is disturbed. */
const HALF_WAYS = [
  ...[0, 1, 2, 3, 4, 5].map((after) => ['cutReplies', after] as const),
  ...[1, 2].map((after) => ['dropReplies', after] as const),
];

export const LIST_CASES: readonly Case[] = [
  question(
    'LIST-001',
    {
      rule: 'list.empty',
      protects: ['F6', 'C2'],
      sentence: 'A namespace that nobody has used is an empty complete list without a record.',
    },
    async ({ one }) => {
      const { members, record, complete, skipped } = await one.list();
      same(members.length, 0, 'the number of members');
      same(record, { kind: 'absent' }, 'the record');
      same(complete, true, 'complete');
      same(skipped.length, 0, 'the number of skipped entries');
    },
  ),
  question(
    'LIST-002',
    {
      rule: 'list.skipped',
      protects: ['V5'],
      needs: ['explicit'],
      sentence: 'Entries that cannot be read, of whatever kind, are skipped with key and reason, and hide nobody.',
    },
    async ({ one, two, operator, longTtlMs }) => {
      await registered(one, entryOf('m', longTtlMs));
      for (const [index, text] of NOT_ENTRIES.entries()) await operator.writeMember(`x${index}`, text);
      const { members, skipped, complete } = await two.list();
      same(
        members.map(({ node }) => node),
        ['m'],
        'the members that are listed',
      );
      same(skipped.length, NOT_ENTRIES.length, 'the number of skipped entries');
      const named = skipped.every(
        ({ key, reason }) => typeof key === 'string' && reason !== '' && reason.length < 2000,
      );
      check(named, 'a key and a short reason for each', skipped);
      same(complete, true, 'complete');
      check(!('polluted' in {}), 'no prototype to be polluted');
    },
  ),
  question(
    'LIST-003',
    {
      rule: 'list.unreadable',
      protects: ['F6', 'F14', 'V5'],
      needs: ['lock'],
      sentence:
        'A record that cannot be read, of whatever kind, is unreadable with a reason, never absent, never a throw.',
    },
    async ({ one, two, operator }) => {
      for (const text of ['', 'null', '{', '[]', '{"format":2}', '{"format":1,"token":-1}', 'x'.repeat(100_000)]) {
        await operator.writeRecord(text);
        for (const client of [one, two]) {
          const { record } = await client.list();
          same(record.kind, 'unreadable', `the record ${JSON.stringify(text.slice(0, 40))}`);
        }
      }
    },
  ),
  question(
    'LIST-004',
    {
      rule: 'list.revision',
      protects: ['V1'],
      needs: ['explicit', 'lock'],
      sentence: 'The revision never goes back for one client, whatever others write, and both clients see one store.',
    },
    async ({ one, two, longTtlMs }) => {
      const stores = new Set<string | undefined>();
      let last = -1n;
      const look = async (client: typeof one): Promise<void> => {
        const { revision, store } = await client.list();
        stores.add(store);
        if (revision === undefined) return;
        check(revision >= last, `a revision of at least ${last}`, revision);
        last = revision;
      };
      await look(one);
      const entry = await registered(two, entryOf('a', longTtlMs));
      await look(one);
      await two.unregister(entry);
      await look(one);
      const grant = await held(two, attemptOf('b', longTtlMs));
      await look(one);
      await released(two, grant, recordOf(grant.token));
      await look(one);
      stores.add((await two.list()).store);
      same(stores.size, 1, 'the number of identities of the store');
    },
  ),
  question(
    'LIST-005',
    {
      rule: 'list.failed',
      protects: ['C2', 'F6', 'V4'],
      needs: ['explicit', 'wire'],
      sentence: 'A list that reaches no store, no answer or noise rejects: it is never empty.',
    },
    async ({ one, two, longTtlMs }) => {
      await registered(two, entryOf('a', longTtlMs));
      await one.list();
      for (const fault of ['refuse', 'stall', 'dropReplies', 'cutReplies', 'garble'] as const) {
        one.faults[fault]();
        const rejected = await one.list({ timeoutMs: 1000 }).then(
          ({ members, complete }) => ({ members: members.map(({ node }) => node), complete }),
          () => undefined,
        );
        const honest = rejected === undefined || !rejected.complete || rejected.members.includes('a');
        check(honest, `a list under ${fault} to reject, to be incomplete or to be right`, rejected);
        await one.faults.heal();
      }
      same(await names(one), ['a'], 'what is listed when all is well again');
    },
  ),
  question(
    'LIST-008',
    {
      rule: 'list.failed',
      protects: ['F6', 'F14', 'F1'],
      needs: ['explicit', 'lock', 'wire'],
      sentence:
        'A list that is cut off half way rejects or is incomplete: members and record are never half of the truth.',
    },
    async ({ client, two, longTtlMs }) => {
      const grant = await held(two, attemptOf('a', longTtlMs));
      const record = recordOf(grant.token);
      await released(two, grant, record);
      await registered(two, entryOf('a', longTtlMs));
      for (const [fault, after] of HALF_WAYS) {
        const struck = await client();
        await struck.list();
        struck.faults[fault](after);
        const list = await struck.list({ timeoutMs: 1000 }).catch(() => undefined);
        await struck.faults.heal();
        if (list?.complete !== true) continue;
        const where = `after ${after} pieces of answers and ${fault}`;
        same(list.record, { kind: 'present', record }, `the record ${where}`);
        const seen = list.members.map(({ node }) => node);
        same(seen, ['a'], `what is listed ${where}`);
      }
    },
  ),
  question(
    'LIST-006',
    {
      rule: 'list.failed',
      protects: ['C2', 'F6'],
      needs: ['forbidden'],
      sentence: 'A list without the permission to read rejects: it is never empty.',
    },
    async ({ one, forbidden, longTtlMs, capabilities }) => {
      if (capabilities.registration === 'explicit') await registered(one, entryOf('a', longTtlMs));
      const stranger = await forbidden();
      await failureOf('a list without permission', stranger.list());
    },
  ),
];
