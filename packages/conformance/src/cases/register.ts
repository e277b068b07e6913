import type { Case } from '../case.js';
import { check, same } from '../errors.js';
import { entryOf, memberIn, names, registered, registering, unique } from '../space/request.js';
import { question } from './question.js';

export const REGISTER_CASES: readonly Case[] = [
  question(
    'REG-001',
    {
      rule: 'register.visible',
      protects: ['R1', 'F6'],
      needs: ['explicit', 'linearizable'],
      sentence: 'A list of another client that begins after register resolved shows the entry.',
    },
    async ({ one, two, longTtlMs }) => {
      for (const node of ['a', 'b', 'c']) {
        await registered(one, entryOf(node, longTtlMs));
        check((await names(two)).includes(node), `${node} in the list that began after its registration`);
      }
    },
  ),
  question(
    'REG-002',
    {
      rule: 'register.idempotent',
      protects: ['R1'],
      needs: ['explicit'],
      sentence: 'The same instance registers twice without held: it is one entry.',
    },
    async ({ one, two, longTtlMs }) => {
      const request = entryOf('a', longTtlMs);
      const first = await registered(one, request);
      const second = await registered(one, request);
      same(second.instance, first.instance, 'the instance');
      same(await names(two), ['a'], 'what is listed');
      await two.unregister(second);
      same(await names(one), [], 'what is listed after the one entry was removed');
    },
  ),
  question(
    'REG-003',
    {
      rule: 'register.content',
      protects: ['V5', 'R1'],
      needs: ['explicit', 'metadata', 'linearizable'],
      sentence: 'State, identity, record version and metadata are listed as they were registered.',
    },
    async ({ one, two, longTtlMs }) => {
      const identity = { clusterId: unique(), generation: 3 };
      const metadata = { '': 'empty name', zone: 'ä-日本-🦓', 'a.b/c': '{"json":[1]}', blank: '' };
      const request = entryOf('a', longTtlMs, { state: 'ready', identity, recordVersion: 7, metadata });
      const answered = await registered(one, request);
      const listed = memberIn(await two.list(), 'a');
      for (const each of [answered, listed]) {
        const { node, instance, state } = request;
        const seen = each && { node: each.node, instance: each.instance, state: each.state };
        same(seen, { node, instance, state }, 'the entry');
        same(each?.identity, identity, 'its identity');
        same(each?.recordVersion, 7, 'its record version');
        same({ ...each?.metadata }, metadata, 'its metadata');
      }
    },
  ),
  question(
    'REG-004',
    {
      rule: 'register.granted',
      protects: ['L4', 'R5'],
      needs: ['explicit', 'ttl'],
      sentence: 'The answer names the granted TTL, which is one that the manifest allows and not below the asked one.',
    },
    async ({ one, two, capabilities }) => {
      const { ttl } = capabilities;
      if (ttl === 'none') return;
      for (const asked of [1, ttl.minMs, ttl.minMs + 1, ttl.minMs + ttl.stepMs * 3.5]) {
        const { ttlMs } = await registered(one, entryOf('a', asked, { instance: 'a-1' }));
        check(ttlMs !== undefined && ttlMs >= ttl.minMs && ttlMs <= ttl.maxMs, 'a TTL within the limits', ttlMs);
        const due = Math.min(ttl.maxMs, Math.max(ttl.minMs, asked));
        check(ttlMs >= due && ttlMs < due + ttl.stepMs, `${asked} ms rounded up to a step of ${ttl.stepMs}`, ttlMs);
      }
      same(memberIn(await two.list(), 'a')?.ttlMs, undefined, 'the TTL of an entry that was only listed');
    },
  ),
  question(
    'REG-005',
    {
      rule: 'register.conflict',
      protects: ['F12'],
      needs: ['explicit', 'exclusive'],
      sentence: 'A second live instance of a name is refused with the first one, which stays as it is.',
    },
    async ({ one, two, longTtlMs }) => {
      const first = await registered(one, entryOf('a', longTtlMs));
      const outcome = await two.register(entryOf('a', longTtlMs));
      same(outcome, { kind: 'conflict', instance: first.instance }, 'the answer to the second instance');
      same(memberIn(await two.list(), 'a')?.instance, first.instance, 'the instance that is listed');
    },
  ),
  question(
    'REG-006',
    {
      rule: 'register.conflict',
      protects: ['F12', 'R3'],
      needs: ['explicit', 'exclusive'],
      sentence: 'A renewal that finds another live instance in its place is a conflict, and leaves that one.',
    },
    async ({ one, two, operator, longTtlMs }) => {
      const request = entryOf('a', longTtlMs);
      const old = await registered(one, request);
      await operator.deleteMember('a');
      const other = await registered(two, entryOf('a', longTtlMs));
      const outcome = await one.register({ ...request, held: old });
      same(outcome, { kind: 'conflict', instance: other.instance }, 'the answer to the renewal');
      same(memberIn(await one.list(), 'a')?.instance, other.instance, 'the instance that is listed');
    },
  ),
  question(
    'REG-007',
    {
      rule: 'register.renew',
      protects: ['R3', 'L13'],
      needs: ['explicit'],
      sentence: 'A renewal whose key somebody deleted, while its lease lives, writes it again.',
    },
    async ({ one, two, operator, longTtlMs }) => {
      const request = entryOf('a', longTtlMs);
      const held = await registered(one, request);
      await operator.deleteMember('a');
      same(await names(two), [], 'what is listed after the deletion');
      await registered(one, { ...request, held });
      same(await names(two), ['a'], 'what is listed after the renewal');
    },
  ),
  question(
    'REG-008',
    {
      rule: 'register.renew',
      protects: ['R3', 'F14'],
      needs: ['explicit', 'metadata'],
      sentence: 'A renewal with another state, identity, record version or metadata writes them.',
    },
    async ({ one, two, longTtlMs }) => {
      const request = entryOf('a', longTtlMs);
      let held = await registered(one, request);
      const identity = { clusterId: unique(), generation: 1 };
      for (const change of [
        { state: 'ready' },
        { identity },
        { recordVersion: 2 },
        { metadata: { k: 'v' } },
      ] as const) {
        held = await registered(one, { ...request, ...change, held });
        const listed = memberIn(await two.list(), 'a');
        const { state, recordVersion, metadata } = { ...request, ...change };
        same(listed?.state, state, `the state listed after ${JSON.stringify(change)}`);
        same(listed?.identity, 'identity' in change ? identity : undefined, 'the identity');
        same(listed?.recordVersion, recordVersion, 'the record version');
        same({ ...listed?.metadata }, { ...metadata }, 'the metadata');
      }
    },
  ),
  question(
    'REG-009',
    {
      rule: 'register.order',
      protects: ['F1'],
      needs: ['explicit', 'ordered'],
      sentence: 'The order is that of creation, the same for all clients; renewals and changes of state keep it.',
    },
    async ({ one, two, longTtlMs }) => {
      const requests = ['c', 'a', 'b'].map((node) => entryOf(node, longTtlMs));
      const answered: (bigint | undefined)[] = [];
      for (const request of requests) {
        const held = await registered(one, request);
        answered.push(held.order);
        const again = await registered(one, { ...request, state: 'ready', held });
        same(again.order, held.order, `the order of ${request.node} after a change of state`);
      }
      const orderIn = async (client: typeof one) => {
        const list = await client.list();
        return requests.map(({ node }) => memberIn(list, node)?.order);
      };
      same(await orderIn(two), answered, 'the order that is listed');
      same(await orderIn(one), answered, 'the order that the other client sees');
      const sorted = answered.every((each, index) => index === 0 || (each ?? 0n) > (answered[index - 1] ?? 0n));
      check(sorted, 'orders that grow with the time of creation', answered);
    },
  ),
  question(
    'REG-010',
    {
      rule: 'register.order',
      protects: ['F1'],
      needs: ['unordered', 'explicit'],
      sentence: 'A store whose entries have no order claims none.',
    },
    async ({ one, two, longTtlMs }) => {
      same((await registered(one, entryOf('a', longTtlMs))).order, undefined, 'the order');
      same(memberIn(await two.list(), 'a')?.order, undefined, 'the order that is listed');
    },
  ),
  question(
    'REG-011',
    {
      rule: 'register.platform',
      protects: ['R1'],
      needs: ['platform'],
      sentence: "register answers the platform's entry and its instance, whatever instance asks; it never conflicts.",
    },
    async ({ one, two, operator, longTtlMs, until }) => {
      await operator.addToPlatform?.('a');
      await until('the platform lists the node', 30_000, async () =>
        (await names(one)).includes('a') ? true : undefined,
      );
      const before = await operator.inventory();
      const first = await registered(one, entryOf('a', longTtlMs));
      const second = await registered(two, entryOf('a', longTtlMs));
      same(second.instance, first.instance, 'the instance for the second one who asks');
      same(memberIn(await one.list(), 'a')?.instance, first.instance, 'the instance that is listed');
      same(await operator.inventory(), before, 'what the store keeps');
      await one.unregister(first);
      same(await names(two), ['a'], 'what is listed after unregister');
    },
  ),
  question(
    'REG-012',
    {
      rule: 'unregister.exact',
      protects: ['R2'],
      needs: ['explicit'],
      sentence: 'unregister removes the entry at once, and a second one changes nothing.',
    },
    async ({ one, two, longTtlMs }) => {
      const gone = await registered(one, entryOf('a', longTtlMs));
      await registered(one, entryOf('b', longTtlMs));
      await one.unregister(gone);
      same(await names(two), ['b'], 'what is listed');
      await one.unregister(gone);
      await two.unregister(gone);
      same(await names(two), ['b'], 'what is listed after two more');
    },
  ),
  question(
    'REG-013',
    {
      rule: 'unregister.exact',
      protects: ['R2', 'L8'],
      needs: ['explicit'],
      sentence: 'A late unregister of an older instance leaves the newer one.',
    },
    async ({ one, two, longTtlMs }) => {
      const old = await registered(one, entryOf('a', longTtlMs));
      await one.unregister(old);
      const young = await registered(two, entryOf('a', longTtlMs));
      await one.unregister(old);
      same(memberIn(await two.list(), 'a')?.instance, young.instance, 'the instance that is listed');
    },
  ),
  question(
    'REG-014',
    {
      rule: 'register.record',
      protects: ['F14'],
      needs: ['explicit', 'lock'],
      sentence: 'register and its renewal answer that there is no record, or that it cannot be read.',
    },
    async ({ one, operator, longTtlMs }) => {
      const request = entryOf('a', longTtlMs);
      const first = await registering(one, request);
      same(first.record, { kind: 'absent' }, 'the record');
      await operator.writeRecord('{"format":99}');
      const renewed = await registering(one, { ...request, held: first.registration });
      same(renewed.record.kind, 'unreadable', 'the record at a renewal');
      same((await registering(one, entryOf('b', longTtlMs))).record.kind, 'unreadable', 'the record for a new entry');
      await operator.deleteRecord();
      const last = await registering(one, { ...request, held: renewed.registration });
      same(last.record, { kind: 'absent' }, 'the record after it was deleted');
    },
  ),
];
