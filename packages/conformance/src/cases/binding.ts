import { FORMATION_LOCK } from '@autocluster/core/backend';
import type { Case } from '../case.js';
import { check, same } from '../errors.js';
import { attemptOf, busy, entryOf, held, names, recordOf, registered, released } from '../space/request.js';
import { invalidOption, verbs } from './verbs.js';
import { question } from './question.js';

/** Names that no cluster can have; each breaks another rule. */
const BAD_NAMES = ['', 'a/b', 'line\nbreak', 'nul\u0000', '..', 'x'.repeat(254), '\ud800', 7, undefined, null];

export const BINDING_CASES: readonly Case[] = [
  question(
    'BIND-001',
    {
      rule: 'binding.cluster',
      protects: ['F1'],
      sentence: 'The backend says the name of its cluster, and that it is written for version 1 of the interface.',
    },
    async ({ one, cluster }) => {
      same(one.backend.cluster, cluster, 'cluster');
      same(one.backend.spi, 1, 'spi');
      check(typeof one.backend.name === 'string' && one.backend.name !== '', 'a name');
    },
  ),
  question(
    'BIND-002',
    {
      rule: 'binding.cluster',
      protects: ['F1', 'F12'],
      needs: ['explicit'],
      sentence: 'Members of one cluster are not listed in another, however alike their names are.',
    },
    async ({ one, client, cluster, longTtlMs }) => {
      await registered(one, entryOf('a', longTtlMs));
      for (const name of [`${cluster}2`, cluster.slice(0, -1), `${cluster}%`, cluster.toUpperCase()]) {
        const other = await client(name);
        same(await names(other), [], `what is listed in ${name}`);
        await registered(other, entryOf('b', longTtlMs));
      }
      same(await names(one), ['a'], `what is listed in ${cluster}`);
    },
  ),
  question(
    'BIND-003',
    {
      rule: 'binding.cluster',
      protects: ['F1', 'L1'],
      needs: ['lock'],
      sentence: 'Locks and the record of one cluster are not those of another.',
    },
    async ({ one, client, cluster, longTtlMs }) => {
      const other = await client(`${cluster}-b`);
      const grant = await held(one, attemptOf('a', longTtlMs));
      await released(other, await held(other, attemptOf('a', longTtlMs)));
      await released(one, grant, recordOf(grant.token));
      same((await other.list()).record, { kind: 'absent' }, 'the record of the other cluster');
    },
  ),
  question(
    'BIND-004',
    {
      rule: 'binding.manifest',
      protects: ['L4', 'F6'],
      sentence:
        'The manifest is the same before use, in use, after close and for every client, and its numbers make sense.',
    },
    async ({ one, two, capabilities }) => {
      const before = structuredClone(capabilities);
      await one.list();
      same(one.backend.capabilities, before, 'the manifest in use');
      same(two.backend.capabilities, before, 'the manifest of another client');
      await one.backend.close();
      same(one.backend.capabilities, before, 'the manifest after close');
      const { ttl, takeover, lock, record } = before;
      if (ttl !== 'none') {
        check(ttl.minMs > 0 && ttl.minMs <= ttl.maxMs && ttl.stepMs > 0, '0 < minMs ≤ maxMs and 0 < stepMs', ttl);
      }
      const { earliest, latest } = takeover;
      const bounds = [earliest.timesTtl, earliest.plusMs, latest.timesTtl, latest.plusMs];
      check(
        bounds.every((each) => Number.isFinite(each) && each >= 0),
        'bounds of at least 0',
        takeover,
      );
      const inOrder = earliest.timesTtl <= latest.timesTtl && earliest.plusMs <= latest.plusMs + 1e9;
      check(inOrder, 'the earliest takeover not after the latest', takeover);
      check(lock === 'fenced' || record !== 'atomic', 'an atomic record only together with a fenced lock', before);
    },
  ),
  question(
    'BIND-005',
    {
      rule: 'binding.options',
      protects: ['V5'],
      sentence: 'A cluster name that cannot be used throws INVALID_OPTION at construction, naming the option.',
    },
    async ({ subject }) => {
      const url = subject.wire.kind === 'tcp' ? subject.wire.url : '';
      for (const cluster of BAD_NAMES) {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a caller without types
        invalidOption(`cluster ${JSON.stringify(cluster)}`, () => subject.client({ cluster: cluster as string, url }));
      }
    },
  ),
  question(
    'BIND-006',
    {
      rule: 'binding.closed',
      protects: ['R4'],
      sentence: 'After close() list rejects CLOSED, and close() may be called again.',
    },
    async ({ one, two }) => {
      await one.list();
      await one.backend.close();
      await verbs.rejectsClosed('list', one.list());
      await one.backend.close();
      await two.list();
    },
  ),
  question(
    'BIND-007',
    {
      rule: 'binding.closed',
      protects: ['R4'],
      needs: ['explicit'],
      sentence: 'After close() register, its renewal and unregister reject CLOSED and change nothing.',
    },
    async ({ one, two, longTtlMs }) => {
      const request = entryOf('a', longTtlMs);
      const entry = await registered(one, request);
      await one.backend.close();
      await verbs.rejectsClosed('a renewal', one.register({ ...request, held: entry }));
      await verbs.rejectsClosed('register', one.register(entryOf('b', longTtlMs)));
      await verbs.rejectsClosed('unregister', one.unregister(entry));
      same(await names(two), ['a'], 'what is listed');
    },
  ),
  question(
    'BIND-008',
    {
      rule: 'binding.closed',
      protects: ['L7', 'L11'],
      needs: ['lock'],
      sentence: 'After close() lock, its renewal and unlock reject CLOSED and change nothing.',
    },
    async ({ one, two, longTtlMs }) => {
      const request = attemptOf('a', longTtlMs);
      const grant = await held(one, request);
      await one.backend.close();
      await verbs.rejectsClosed('a renewal', one.lock({ ...request, held: grant }));
      await verbs.rejectsClosed('lock', one.lock(attemptOf('a', longTtlMs, { name: 'another' })));
      await verbs.rejectsClosed('unlock', one.unlock(grant));
      await busy(two, attemptOf('b', longTtlMs, { name: FORMATION_LOCK }));
    },
  ),
];
