import type { Case } from '../case.js';
import { check, same } from '../errors.js';
import {
  attemptOf,
  busy,
  entryOf,
  held,
  memberIn,
  names,
  recordOf,
  registered,
  released,
  unique,
} from '../space/request.js';
import { question } from './question.js';

/** Names that are allowed, and that some encoding of keys takes for one another or for something else. */
const NAMES = [
  'rabbit@host-1.example',
  'A',
  'a',
  ' a ',
  'a b',
  'a%2Fb',
  'a%b',
  'a+b',
  '\u00e9',
  'e\u0301',
  '日本語@ホスト',
  '🦓',
  '-x',
  '.hidden',
  '...',
  '*',
  '~',
  'x:y;z,w=?#&|<>^$()[]{}!',
  '"\'`\\',
  '__proto__',
  'constructor',
  'null',
  '0',
  'x'.repeat(253),
  `${'ü'.repeat(126)}x`,
] as const;

/** Texts that some encoding of values changes. */
const TEXTS: Readonly<Record<string, string>> = {
  constructor: 'a name of every object',
  quotes: '"\'`\\',
  lines: 'a\r\nb\tc',
  controls: '\u0001\u007f\u0085\u2028\ufeff',
  markup: '<&>%s%n${x}{{y}}',
  unicode: '🦓 e\u0301 \u202e',
  json: '{"a":[1,2',
};
const hostileTexts = (): Record<string, string> => {
  const proto: [string, string] = ['__proto__', 'a name that some copies lose'];
  return Object.fromEntries([...Object.entries(TEXTS), proto]);
};

/** Fields in one order, so that they can be compared whatever they are called. */
const fieldsOf = (object: object): string[] =>
  Object.entries(object)
    .map((entry) => JSON.stringify(entry))
    .toSorted();

const MEGABYTE = 1024 * 1024;
const PATIENT = { timeoutMs: 30_000 };
const CROWD = 200;

export const HOSTILE_CASES: readonly Case[] = [
  question(
    'HOST-001',
    {
      rule: 'errors.hostile',
      protects: ['V5', 'F12', 'R2'],
      needs: ['explicit'],
      sentence: 'Nodes and instances of any allowed name, up to 253 bytes, are listed and removed, each for itself.',
    },
    async ({ one, two, longTtlMs }) => {
      const entries = await Promise.all(
        NAMES.map((name) => registered(one, entryOf(name, longTtlMs, { instance: name }), PATIENT)),
      );
      const { members } = await two.list();
      const seen = members.map(({ node, instance }) => `${node} | ${instance}`).toSorted();
      same(seen, NAMES.map((name) => `${name} | ${name}`).toSorted(), 'what is listed');
      const [kept, ...gone] = entries;
      await Promise.all(gone.map((entry) => one.unregister(entry, PATIENT)));
      same(await names(two), [kept?.node], 'what is listed after all but one were removed');
    },
  ),
  question(
    'HOST-002',
    {
      rule: 'errors.hostile',
      protects: ['L1', 'L12'],
      needs: ['lock'],
      sentence: 'Locks, owners and attempts of any allowed name are held, found again and released, each for itself.',
    },
    async ({ one, two, longTtlMs }) => {
      const requests = NAMES.map((name) => attemptOf(name, longTtlMs, { name, instance: name, attempt: name }));
      const grants = await Promise.all(requests.map((request) => held(one, request, PATIENT)));
      for (const [index, request] of requests.entries()) {
        same((await held(two, request)).token, grants[index]?.token, `the token of a repeat for ${request.name}`);
        await busy(two, { ...request, attempt: unique() });
      }
      await Promise.all(grants.map((grant) => released(two, grant)));
    },
  ),
  question(
    'HOST-003',
    {
      rule: 'errors.hostile',
      protects: ['V5', 'V6'],
      needs: ['explicit', 'metadata', 'linearizable'],
      sentence: 'Metadata with any names and texts is listed as it was registered.',
    },
    async ({ one, two, longTtlMs }) => {
      const metadata = hostileTexts();
      const answered = await registered(one, entryOf('a', longTtlMs, { metadata }));
      same(fieldsOf(answered.metadata), fieldsOf(metadata), 'the metadata answered');
      const listed = memberIn(await two.list(), 'a')?.metadata ?? {};
      same(fieldsOf(listed), fieldsOf(metadata), 'the metadata listed');
    },
  ),
  question(
    'HOST-004',
    {
      rule: 'errors.hostile',
      protects: ['V5', 'R1'],
      needs: ['explicit', 'metadata', 'linearizable'],
      sentence: 'An entry of a megabyte is refused, or listed whole: register never resolves for what no list shows.',
    },
    async ({ one, two, longTtlMs }) => {
      await registered(one, entryOf('b', longTtlMs));
      const request = entryOf('a', longTtlMs, { metadata: { pad: 'x'.repeat(MEGABYTE) } });
      const outcome = await one.register(request, PATIENT).catch(() => undefined);
      const listed = memberIn(await two.list(PATIENT), 'a');
      if (outcome === undefined) same(listed, undefined, 'what is listed of a refused entry');
      else same(listed?.metadata['pad']?.length, MEGABYTE, 'the length of the text that is listed');
      check(memberIn(await one.list(PATIENT), 'b') !== undefined, 'the other entry in the list');
    },
  ),
  question(
    'HOST-005',
    {
      rule: 'errors.hostile',
      protects: ['V5', 'F1', 'V6'],
      needs: ['lock'],
      sentence: 'A record of a megabyte, with any texts in it, is refused and changes nothing, or is kept whole.',
    },
    async ({ one, two, longTtlMs }) => {
      const request = attemptOf('a', longTtlMs);
      const grant = await held(one, request);
      const small = recordOf(grant.token, { settings: hostileTexts(), removed: [...NAMES], extra: hostileTexts() });
      const large = { ...small, extra: { pad: 'x'.repeat(MEGABYTE) } };
      const outcome = await one.unlock(grant, { record: large, ...PATIENT }).catch(() => undefined);
      if (outcome === undefined) {
        same((await two.list(PATIENT)).record, { kind: 'absent' }, 'the record after a refused commit');
        await held(one, { ...request, held: grant });
        await released(one, grant, small);
      } else {
        same((await two.list(PATIENT)).record, { kind: 'present', record: large }, 'the large record');
        const next = await held(one, attemptOf('b', longTtlMs), PATIENT);
        await released(one, next, { ...small, token: next.token });
      }
      const { record } = await two.list(PATIENT);
      const { settings, removed, extra } = small;
      const seen = record.kind === 'present' ? record.record : undefined;
      same(fieldsOf(seen?.settings ?? {}), fieldsOf(settings), 'the settings');
      same(seen?.removed, removed, 'the removed members');
      same(fieldsOf(seen?.extra ?? {}), fieldsOf(extra), 'the unknown fields');
    },
  ),
  question(
    'HOST-006',
    {
      rule: 'errors.noise',
      protects: ['V5', 'C2', 'L5'],
      needs: ['wire', 'lock', 'explicit'],
      sentence: 'Noise instead of answers makes every verb reject; afterwards the same client works again.',
    },
    async ({ client, longTtlMs, until }) => {
      const struck = await client();
      const [request, attempt] = [entryOf('a', longTtlMs), attemptOf('a', longTtlMs)];
      const [entry, grant] = [await registered(struck, request), await held(struck, attempt)];
      struck.faults.garble();
      const ask = { timeoutMs: 1000 };
      const outcomes = await Promise.allSettled([
        struck.list(ask),
        struck.register({ ...request, held: entry }, ask),
        struck.lock({ ...attempt, held: grant }, ask),
        struck.lock(attemptOf('b', longTtlMs, { name: 'job' }), ask),
        struck.unregister(entry, ask),
        struck.unlock(grant, ask),
      ]);
      const answered = outcomes.filter(({ status }) => status === 'fulfilled');
      same(answered, [], 'what answered out of noise');
      await struck.faults.heal();
      await until('the client works again', 10_000, () => struck.list().catch(() => undefined));
      await struck.unlock(grant);
    },
  ),
  question(
    'MANY-001',
    {
      rule: 'register.visible',
      protects: ['R1', 'V7'],
      needs: ['explicit', 'linearizable'],
      mode: 'alone',
      sentence: '200 nodes register at once, 200 unregister at once, and 200 lists at once show who is left.',
    },
    async ({ one, two, longTtlMs }) => {
      const stays = await registered(one, entryOf('stays', longTtlMs));
      const requests = Array.from({ length: CROWD }, (_, index) => entryOf(`n${index}`, longTtlMs));
      const entries = await Promise.all(
        requests.map((request, index) => registered(index % 2 ? one : two, request, PATIENT)),
      );
      same((await two.list(PATIENT)).members.length, CROWD + 1, 'the number of members that are listed');
      await Promise.all(entries.map((entry, index) => (index % 2 ? two : one).unregister(entry, PATIENT)));
      const lists = await Promise.all(requests.map((_, index) => (index % 2 ? one : two).list(PATIENT)));
      for (const { members, complete } of lists) {
        const seen = members.map(({ node }) => node);
        check(complete && seen.join() === stays.node, 'only who is left in every list', seen);
      }
    },
  ),
  question(
    'MANY-002',
    {
      rule: 'lock.exclusive',
      protects: ['L1', 'L2', 'V7'],
      needs: ['lock'],
      mode: 'alone',
      sentence: '200 locks are taken at once and released at once; 200 attempts on one of them get it once.',
    },
    async ({ one, two, longTtlMs }) => {
      const requests = Array.from({ length: CROWD }, (_, index) => attemptOf('a', longTtlMs, { name: `job-${index}` }));
      const grants = await Promise.all(requests.map((each, index) => held(index % 2 ? one : two, each, PATIENT)));
      const outcomes = await Promise.all(
        requests.map((_, index) => (index % 2 ? one : two).lock(attemptOf(`n${index}`, longTtlMs), PATIENT)),
      );
      same(outcomes.filter(({ kind }) => kind === 'held').length, 1, 'the number that got the one lock');
      await Promise.all(grants.map((grant, index) => (index % 2 ? two : one).unlock(grant, PATIENT)));
      await busy(one, attemptOf('b', longTtlMs));
    },
  ),
];
