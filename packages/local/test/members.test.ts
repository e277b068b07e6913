import { expect, test } from 'vitest';
import { call, member, names, newFolder, openLocal, registered, stillClock } from './support.js';

test('a registration is shown by every list that begins after it, with everything that it said', async () => {
  const folder = newFolder();
  const [one, two] = [openLocal(folder), openLocal(folder)];
  const identity = { clusterId: 'c-1', generation: 2 };
  const request = member('a', { state: 'ready', identity, recordVersion: 7, metadata: { port: '5672' } });
  const registration = await registered(one, request);
  const list = await two.list(call());
  expect(list.members).toEqual([{ ...registration, ttlMs: undefined }]);
  expect(registration).toMatchObject({ node: 'a', instance: 'a-1', identity, recordVersion: 7, ttlMs: 30_000 });
  expect(list).toMatchObject({ complete: true, record: { kind: 'absent' }, skipped: [] });
});

test('an empty store lists as empty and complete', async () => {
  const list = await openLocal(newFolder()).list(call());
  expect(list).toMatchObject({ members: [], complete: true, skipped: [], record: { kind: 'absent' }, revision: 0n });
});

test('registering again keeps the entry, its order, and the last word', async () => {
  const backend = openLocal(newFolder());
  const first = await registered(backend, member('a'));
  await registered(backend, member('b'));
  const second = await registered(backend, member('a', { state: 'ready' }));
  expect(second.order).toBe(first.order);
  const { members } = await backend.list(call());
  expect(members.map((each) => [each.node, each.state])).toEqual([
    ['a', 'ready'],
    ['b', 'joining'],
  ]);
  expect(members[0]?.order).toBeLessThan(members[1]?.order ?? 0n);
});

test('a name that a live instance holds is refused, and its entry stays', async () => {
  const clock = stillClock();
  const backend = openLocal(newFolder());
  await registered(backend, member('a'), call(clock));
  const stranger = member('a', { instance: 'a-2', state: 'ready' });
  expect(await backend.register(stranger, call(clock))).toEqual({ kind: 'conflict', instance: 'a-1' });
  expect((await backend.list(call(clock))).members).toMatchObject([{ instance: 'a-1', state: 'joining' }]);
  clock.pass(30_000);
  expect(await registered(backend, stranger, call(clock))).toMatchObject({ instance: 'a-2' });
});

test('an entry ends with its TTL, and each call starts the TTL again', async () => {
  const clock = stillClock();
  const backend = openLocal(newFolder());
  const held = await registered(backend, member('a', { ttlMs: 1_000 }), call(clock));
  clock.pass(999);
  await registered(backend, member('a', { ttlMs: 1_000, held }), call(clock));
  clock.pass(999);
  expect(await names(backend, call(clock))).toEqual(['a']);
  clock.pass(1);
  expect(await names(backend, call(clock))).toEqual([]);
});

test('a renewal writes an entry again that somebody removed', async () => {
  const backend = openLocal(newFolder());
  const held = await registered(backend, member('a'));
  await backend.unregister(held, call());
  expect(await names(backend)).toEqual([]);
  await registered(backend, member('a', { held }));
  expect(await names(backend)).toEqual(['a']);
});

test('a renewal renews its own expired entry that nobody took', async () => {
  const clock = stillClock();
  const backend = openLocal(newFolder());
  const held = await registered(backend, member('a'), call(clock));
  clock.pass(60_000);
  await registered(backend, member('a', { held }), call(clock));
  expect(await names(backend, call(clock))).toEqual(['a']);
});

test('a renewal of an entry that another live instance took is a conflict', async () => {
  const clock = stillClock();
  const backend = openLocal(newFolder());
  const held = await registered(backend, member('a'), call(clock));
  clock.pass(30_000);
  await registered(backend, member('a', { instance: 'a-2' }), call(clock));
  const outcome = await backend.register(member('a', { held }), call(clock));
  expect(outcome).toEqual({ kind: 'conflict', instance: 'a-2' });
});

test('unregister removes the own entry only, and may be repeated', async () => {
  const clock = stillClock();
  const backend = openLocal(newFolder());
  const old = await registered(backend, member('a'), call(clock));
  clock.pass(30_000);
  const young = await registered(backend, member('a', { instance: 'a-2' }), call(clock));
  await backend.unregister(old, call(clock));
  expect(await names(backend, call(clock))).toEqual(['a']);
  await backend.unregister(young, call(clock));
  await backend.unregister(young, call(clock));
  expect(await names(backend, call(clock))).toEqual([]);
});

test('the granted TTL lies within what the manifest promises', async () => {
  const backend = openLocal(newFolder());
  const granted = async (ttlMs: number) => (await registered(backend, member('a', { ttlMs }))).ttlMs;
  expect([await granted(1), await granted(1_000.2), await granted(1e9)]).toEqual([100, 1_001, 86_400_000]);
});

test('the revision and the orders only grow, also when the store is opened again', async () => {
  const folder = newFolder();
  const first = openLocal(folder);
  const registration = await registered(first, member('a'));
  await first.unregister(registration, call());
  const { revision = 0n, store } = await first.list(call());
  await first.close();
  const second = openLocal(folder);
  const again = await second.list(call());
  expect(again).toMatchObject({ revision, store });
  expect((await registered(second, member('a'))).order).toBeGreaterThan(revision);
});

test('clusters of one folder do not see one another', async () => {
  const folder = newFolder();
  const [orders, other] = [openLocal(folder), openLocal(folder, { cluster: 'order' })];
  await registered(orders, member('a'));
  await registered(other, member('b'));
  expect([await names(orders), await names(other)]).toEqual([['a'], ['b']]);
});

test('entries that ended are removed from the store when somebody new comes', async () => {
  const clock = stillClock();
  const backend = openLocal(newFolder(), { maxBytes: 65_536 });
  const metadata = { text: 'x'.repeat(10_000) };
  for (let round = 0; round < 20; round += 1) {
    await registered(backend, member(`pid-${round}`, { metadata }), call(clock));
    clock.pass(30_000);
  }
  expect(await names(backend, call(clock))).toEqual([]);
});
