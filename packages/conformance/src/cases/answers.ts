import type { Case } from '../case.js';
import { check, same } from '../errors.js';
import { attemptOf, entryOf, held, memberIn, registered, registering } from '../space/request.js';
import { question } from './question.js';

const isText = (value: unknown): boolean => typeof value === 'string';

export const ANSWER_CASES: readonly Case[] = [
  question(
    'FORM-001',
    {
      rule: 'register.content',
      protects: ['V5'],
      needs: ['explicit'],
      sentence: 'register answers every field of a registration, in the right type, and the record.',
    },
    async ({ one, longTtlMs }) => {
      const { registration, record } = await registering(one, entryOf('a', longTtlMs));
      const { node, instance, state, metadata, ref, order } = registration;
      check([node, instance, state, ref].every(isText), 'texts for node, instance, state and ref', registration);
      check(typeof metadata === 'object' && metadata !== null, 'an object for metadata', registration);
      check(order === undefined || typeof order === 'bigint', 'a bigint for order', registration);
      check(['absent', 'present', 'unreadable'].includes(record.kind), 'a record of a known kind', record);
    },
  ),
  question(
    'FORM-002',
    {
      rule: 'list.empty',
      protects: ['V5', 'F6'],
      sentence: 'list answers every field, in the right type.',
    },
    async ({ one }) => {
      const list = await one.list();
      const { members, skipped, complete, revision, store, record } = list;
      check(Array.isArray(members) && Array.isArray(skipped), 'arrays for members and skipped', list);
      check(typeof complete === 'boolean', 'a boolean for complete', list);
      check(revision === undefined || typeof revision === 'bigint', 'a bigint for revision', list);
      check(store === undefined || (isText(store) && store !== ''), 'a text for store', list);
      check(record.kind === 'absent', 'no record', list);
    },
  ),
  question(
    'FORM-003',
    {
      rule: 'lock.attempt',
      protects: ['L12', 'L4'],
      needs: ['lock'],
      sentence: 'A grant names its lock and attempt, and carries a bigint token, a TTL and a ref.',
    },
    async ({ one, longTtlMs, capabilities }) => {
      const request = attemptOf('a', longTtlMs);
      const grant = await held(one, request);
      same([grant.name, grant.attempt], [request.name, request.attempt], 'name and attempt');
      check(typeof grant.token === 'bigint' && grant.token >= 0n, 'a bigint for token', grant);
      check(isText(grant.ref), 'a text for ref', grant);
      const limits = capabilities.ttl === 'none' ? { minMs: 0, maxMs: Infinity } : capabilities.ttl;
      const fits = Number.isFinite(grant.ttlMs) && grant.ttlMs > 0 && grant.ttlMs <= limits.maxMs;
      check(fits && grant.ttlMs >= limits.minMs, 'a TTL within the limits of the manifest', grant);
    },
  ),
  question(
    'FORM-004',
    {
      rule: 'register.content',
      protects: ['V5'],
      needs: ['explicit', 'no-metadata'],
      sentence: 'A store without metadata lists names only: no metadata, no identity.',
    },
    async ({ one, two, longTtlMs }) => {
      const identity = { clusterId: 'c', generation: 1 };
      await registered(one, entryOf('a', longTtlMs, { identity, metadata: { k: 'v' } }));
      const listed = memberIn(await two.list(), 'a');
      same({ ...listed?.metadata }, {}, 'the metadata');
      same(listed?.identity, undefined, 'the identity');
    },
  ),
  question(
    'FORM-005',
    {
      rule: 'register.granted',
      protects: ['R5'],
      needs: ['explicit', 'no-ttl'],
      sentence: 'A store whose entries do not expire grants no TTL.',
    },
    async ({ one, longTtlMs }) =>
      same((await registered(one, entryOf('a', longTtlMs))).ttlMs, undefined, 'the granted TTL'),
  ),
];
