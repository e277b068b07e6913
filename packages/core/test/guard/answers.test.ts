import { FULL_CAPABILITIES, memoryStore, simulateTime } from '@autocluster/testing';
import { describe, expect, it } from 'vitest';
import { guardBackend } from '../../src/guard/index.js';
import {
  busy,
  emptyList,
  grant,
  held,
  lockRequest,
  record,
  registered,
  registerRequest,
  registration,
  scene,
} from './kit.js';

type Guarded = ReturnType<typeof scene>['guard'];

async function answered<T>(ask: (guard: Guarded) => Promise<T>, answer: unknown, overrides = {}): Promise<T> {
  const { guard, calls } = scene(overrides);
  const asking = ask(guard);
  calls[0]?.answer.resolve(answer);
  return asking;
}

const list = (answer: unknown) => answered((guard) => guard.list(), answer);
const register = (answer: unknown) => answered((guard) => guard.register(registerRequest), answer);
const lock = (answer: unknown, request = lockRequest) => answered((guard) => guard.lock(request), answer);

const NONSENSE = [undefined, null, 3, 'text', [], {}, { kind: 'other' }, () => undefined];

describe('answers that no contract allows', () => {
  it('are contract errors that name backend and verb, for every verb', async () => {
    for (const answer of NONSENSE) {
      for (const ask of [list, register, lock]) {
        await expect(ask(answer)).rejects.toMatchObject({ code: 'BACKEND_CONTRACT', retryable: false });
      }
      const unlocking = answered((guard) => guard.unlock(grant), answer);
      await expect(unlocking).rejects.toThrow(/^BACKEND_CONTRACT: scripted\.unlock: /);
    }
  });

  const member = (changes: object) => ({ ...emptyList, members: [{ ...registration, ...changes }] });
  it.each([
    ['members', { ...emptyList, members: undefined }],
    ['members[0].state', member({ state: 'gone' })],
    ['members[0].identity.generation', member({ identity: { clusterId: 'x', generation: '1' } })],
    ['members[0].recordVersion', member({ recordVersion: -1 })],
    ['members[0].metadata.zone', member({ metadata: { zone: 3 } })],
    ['members[0].order', member({ order: 7 })],
    ['members[0].ref', member({ ref: undefined })],
    ['members[0].ttlMs', member({ ttlMs: NaN })],
    ['members[1]', { ...emptyList, members: [registration, 'node-2'] }],
    ['record.kind', { ...emptyList, record: { kind: 'gone' } }],
    ['record.reason', { ...emptyList, record: { kind: 'unreadable' } }],
    ['record.record', { ...emptyList, record: { kind: 'present' } }],
    ['record.record.token', { ...emptyList, record: { kind: 'present', record: { ...record, token: 5 } } }],
    ['record.record.removed', { ...emptyList, record: { kind: 'present', record: { ...record, removed: [''] } } }],
    ['complete', { ...emptyList, complete: 1 }],
    ['skipped', { ...emptyList, skipped: {} }],
    ['skipped[…].reason', { ...emptyList, skipped: [{ key: 'k' }] }],
    ['revision', { ...emptyList, revision: 3 }],
    ['store', { ...emptyList, store: '' }],
  ])('names the field %s of a list', async (field, answer) => {
    await expect(list(answer)).rejects.toMatchObject({
      code: 'BACKEND_CONTRACT',
      message: expect.stringContaining(field),
    });
  });

  it.each([
    ['registration.node', { ...registered, registration: { ...registration, node: 'node-2' } }],
    ['registration.instance', { ...registered, registration: { ...registration, instance: 'i2' } }],
    ['record', { ...registered, record: undefined }],
    ['instance', { kind: 'conflict', instance: 'a/b' }],
  ])('names the field %s of a registration', async (field, answer) => {
    await expect(register(answer)).rejects.toThrow(field);
  });

  const granted = (changes: object) => ({ kind: 'held', grant: { ...grant, ...changes } });
  it.each([
    ['grant.name', granted({ name: 'other' })],
    ['grant.attempt', granted({ attempt: 'a2' })],
    ['grant.token', granted({ token: 5 })],
    ['grant.ttlMs', granted({ ttlMs: 0 })],
    ['grant.ref', granted({ ref: null })],
    ['kind', { kind: 'lost' }],
    ['holder', { ...busy, holder: 3 }],
    ['retryAfterMs', { ...busy, retryAfterMs: -1 }],
    ['released', { ...busy, released: 'soon' }],
  ])('names the field %s of a lock', async (field, answer) => {
    await expect(lock(answer)).rejects.toMatchObject({
      code: 'BACKEND_CONTRACT',
      message: expect.stringContaining(field),
    });
  });

  it('names what cannot answer a renewal', async () => {
    await expect(lock(busy, { ...lockRequest, held: grant })).rejects.toThrow(/kind/);
    await expect(lock(granted({ token: 6n }), { ...lockRequest, held: grant })).rejects.toThrow(/grant.token/);
    await expect(lock({ kind: 'lost' }, { ...lockRequest, held: grant })).resolves.toEqual({ kind: 'lost' });
  });

  it('requires the record with a new grant of the formation lock, and drops it elsewhere', async () => {
    const formation = { ...lockRequest, name: 'formation' };
    await expect(lock(granted({ name: 'formation' }), formation)).rejects.toThrow(/grant.record/);
    const carrying = { record: { kind: 'present', record } };
    await expect(lock(granted({ name: 'formation', ...carrying }), formation)).resolves.toMatchObject({
      grant: carrying,
    });
    const elsewhere = await lock(granted(carrying));
    expect(elsewhere).toMatchObject({ grant: { record: undefined } });
  });
});

describe('answers that are allowed', () => {
  it('are copies that their backend cannot change any more', async () => {
    const mine = { ...emptyList, members: [{ ...registration, metadata: { zone: 'a' } }], skipped: [] as object[] };
    const seen = await list(mine);
    Object.assign(mine.members[0]?.metadata ?? {}, { zone: 'b' });
    mine.members.push(mine.members[0] ?? { ...registration });
    expect(seen.members).toEqual([registration]);
    for (const part of [seen, seen.members, seen.members[0], seen.members[0]?.metadata, seen.skipped]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  it('adopt the platform instance where the platform knows the nodes', async () => {
    const overrides = { capabilities: { ...FULL_CAPABILITIES, watch: false, registration: 'platform' } };
    const answer = { ...registered, registration: { ...registration, instance: 'pod-uid' } };
    const seen = await answered((guard) => guard.register(registerRequest), answer, overrides);
    expect(seen).toMatchObject({ registration: { instance: 'pod-uid' } });
  });

  it('keep one entry for each node, the newest, and count the other as skipped', async () => {
    const older = { ...registration, order: 3n, instance: 'i0', ref: 'r0' };
    const other = { ...registration, node: 'node-2', instance: 'i2', ref: 'r2' };
    for (const members of [
      [older, registration, other],
      [other, registration, older],
    ]) {
      const seen = await list({ ...emptyList, members });
      expect(seen.members.map(({ instance }) => instance).sort()).toEqual(['i1', 'i2']);
      expect(seen.skipped).toEqual([{ key: 'r0', reason: 'an older entry of node node-1' }]);
      expect(seen.complete).toBe(true);
    }
  });

  it('V5: skip an entry with an impossible name instead of hiding everybody else', async () => {
    const seen = await list({ ...emptyList, members: [{ ...registration, node: 'a\u0000b' }, registration] });
    expect(seen.members).toHaveLength(1);
    expect(seen.skipped).toEqual([{ key: 'members[0]', reason: 'node or instance is not a name' }]);
  });

  it('take names of every script', async () => {
    const seen = await list({ ...emptyList, members: [{ ...registration, node: 'узел ①' }] });
    expect(seen.members[0]?.node).toBe('узел ①');
  });

  it('are what the memory store gives, nonsense excepted', async () => {
    const { runtime } = simulateTime({ seed: 3 });
    const store = memoryStore({ runtime });
    const client = store.client({ cluster: 'c' });
    const guard = guardBackend(client, { runtime, callTimeoutMs: 1000 });
    expect(await guard.register(registerRequest)).toMatchObject({ kind: 'registered' });
    expect(await guard.lock(lockRequest)).toMatchObject({ kind: 'held' });
    expect(await guard.lock({ ...lockRequest, attempt: 'a2' })).toMatchObject({ kind: 'busy', holder: 'node-1' });
    expect((await guard.list()).members).toHaveLength(1);
    store.inject({ kind: 'nonsense', verbs: ['list', 'register', 'lock', 'unlock'] });
    for (let round = 0; round < 50; round += 1) {
      await expect(guard.list()).rejects.toMatchObject({ code: 'BACKEND_CONTRACT' });
    }
  });

  it('keep a held answer as it is', async () => {
    await expect(lock(held)).resolves.toEqual(held);
  });
});
