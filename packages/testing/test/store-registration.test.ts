import { describe, expect, it } from 'vitest';
import { clusterRecord, held, lockRequest, registered, registerRequest, world } from './store-kit.js';

const nodes = (list: { members: readonly { node: string }[] }) => list.members.map(({ node }) => node);

describe('memory store: register', () => {
  it('a list begun afterwards shows it, in order of creation, with all that was said', async () => {
    const { client, call } = world();
    const [one, two] = [client(), client()];
    const identity = { clusterId: 'x', generation: 3 };
    const request = registerRequest('b', { state: 'ready', identity, recordVersion: 4, metadata: { port: '1' } });
    const registration = registered(await one.register(request, call()));
    await two.register(registerRequest('a'), call());
    const list = await two.list(call());
    expect(nodes(list)).toEqual(['b', 'a']);
    expect(list.members[0]).toEqual({ ...registration, ttlMs: undefined });
    expect(list.members[0]).toMatchObject({ state: 'ready', identity, recordVersion: 4, metadata: { port: '1' } });
    expect(registration.ttlMs).toBe(30_000);
    expect(Number(list.members[0]?.order)).toBeLessThan(Number(list.members[1]?.order));
  });

  it('is idempotent for node and instance: order stays, content changes, each call restarts the TTL', async () => {
    const { client, call, time, store } = world();
    const backend = client();
    const first = registered(await backend.register(registerRequest('a'), call()));
    const { revision } = store;
    await time.advance(29_000);
    const again = registered(await backend.register(registerRequest('a', { held: first }), call()));
    expect([again.order, store.revision]).toEqual([first.order, revision]);
    await time.advance(29_000);
    const ready = registered(await backend.register(registerRequest('a', { state: 'ready' }), call()));
    expect([ready.order, ready.state, store.revision]).toEqual([first.order, 'ready', revision + 1n]);
    await time.advance(29_999);
    expect(nodes(await backend.list(call()))).toEqual(['a']);
    await time.advance(1);
    expect(nodes(await backend.list(call()))).toEqual([]);
    expect(store.history.at(-1)).toMatchObject({ kind: 'registration-expired', atMs: 87_999 + 1 });
  });

  it('grants a TTL within its limits and steps, and that one counts', async () => {
    const { client, call, time } = world({ capabilities: { ttl: { minMs: 10_000, maxMs: 60_000, stepMs: 1000 } } });
    const backend = client();
    const ttl = async (ttlMs: number) =>
      registered(await backend.register(registerRequest('a', { ttlMs }), call())).ttlMs;
    expect([await ttl(1), await ttl(10_001), await ttl(99_000)]).toEqual([10_000, 11_000, 60_000]);
    await time.advance(59_999);
    expect((await backend.list(call())).members).toHaveLength(1);
  });

  it('entries do not expire in a store without TTL', async () => {
    const { client, call, time } = world({ capabilities: { ttl: 'none' } });
    const backend = client();
    expect(registered(await backend.register(registerRequest('a'), call())).ttlMs).toBeUndefined();
    const grant = held(await backend.lock(lockRequest('a', 'x'), call()));
    await time.advance(1e9);
    expect((await backend.list(call())).members).toHaveLength(1);
    expect(await backend.lock(lockRequest('a', 'x', { held: grant }), call())).toMatchObject({ kind: 'held' });
  });

  it('a second live instance of a name is a conflict, until the first has expired', async () => {
    const { client, call, time } = world();
    const backend = client();
    await backend.register(registerRequest('a', { instance: 'old' }), call());
    const rival = registerRequest('a', { instance: 'new' });
    expect(await backend.register(rival, call())).toEqual({ kind: 'conflict', instance: 'old' });
    await time.advance(30_000);
    expect(registered(await backend.register(rival, call())).instance).toBe('new');
    const old = registerRequest('a', { instance: 'old' });
    expect(await backend.register(old, call())).toEqual({ kind: 'conflict', instance: 'new' });
  });

  it('lets two instances of a name live where names are not exclusive', async () => {
    const { client, call } = world({ capabilities: { exclusiveNames: false } });
    const backend = client();
    const first = registered(await backend.register(registerRequest('a', { instance: 'old' }), call()));
    await backend.register(registerRequest('a', { instance: 'new' }), call());
    expect((await backend.list(call())).members.map(({ instance }) => instance)).toEqual(['old', 'new']);
    await backend.unregister(first, call());
    expect((await backend.list(call())).members.map(({ instance }) => instance)).toEqual(['new']);
  });

  it('a renewal writes a key again that is gone or damaged', async () => {
    const { client, call, operator } = world();
    const backend = client();
    const first = registered(await backend.register(registerRequest('a'), call()));
    for (const damage of [() => operator.deleteMember('a'), () => operator.corruptMember('a')]) {
      damage();
      expect((await backend.list(call())).members).toEqual([]);
      const again = registered(await backend.register(registerRequest('a', { held: first }), call()));
      expect(again.order).not.toBe(first.order);
      expect(await backend.list(call())).toMatchObject({ members: [{ node: 'a' }], skipped: [] });
    }
  });

  it('answers the record, so that a renewal learns of it', async () => {
    const { client, call, operator } = world();
    const backend = client();
    const record = async () => {
      const outcome = await backend.register(registerRequest('a'), call());
      return outcome.kind === 'registered' ? outcome.record : undefined;
    };
    expect(await record()).toEqual({ kind: 'absent' });
    const grant = held(await backend.lock(lockRequest('a', 'x'), call()));
    const written = clusterRecord(grant.token);
    await backend.unlock(grant, { ...call(), record: written });
    expect(await record()).toEqual({ kind: 'present', record: written });
    operator.overwriteRecord('{');
    expect(await record()).toMatchObject({ kind: 'unreadable' });
  });

  it('does not share what the caller may change later', async () => {
    const { client, call } = world();
    const backend = client();
    const metadata: Record<string, string> = { a: '1' };
    await backend.register(registerRequest('a', { metadata }), call());
    metadata['a'] = '2';
    expect((await backend.list(call())).members[0]?.metadata).toEqual({ a: '1' });
  });

  it('keeps names only where there is no metadata, and no order where there is none', async () => {
    const { client, call } = world({ capabilities: { metadata: false, ordered: false } });
    const backend = client();
    const identity = { clusterId: 'x', generation: 3 };
    await backend.register(registerRequest('a', { identity, metadata: { a: '1' } }), call());
    const [member] = (await backend.list(call())).members;
    expect(member).toMatchObject({ node: 'a', state: 'ready', identity: undefined, metadata: {}, order: undefined });
  });

  it('writes nothing on a platform that knows the nodes, and answers its entry', async () => {
    const { client, call, operator, store } = world({ capabilities: { registration: 'platform' } });
    const backend = client();
    await expect(backend.register(registerRequest('a'), call())).rejects.toMatchObject({ code: 'STORE_FAILED' });
    operator.insertMember({ node: 'a', instance: 'pod-1' });
    const { revision } = store;
    const entry = registered(await backend.register(registerRequest('a', { instance: 'other' }), call()));
    expect([entry.instance, store.revision]).toEqual(['pod-1', revision]);
    await backend.unregister(entry, call());
    expect((await backend.list(call())).members).toHaveLength(1);
  });
});

describe('memory store: unregister', () => {
  it('removes exactly this registration; that of a newer instance stays', async () => {
    const { client, call, time } = world();
    const backend = client();
    const old = registered(await backend.register(registerRequest('a', { instance: 'old' }), call()));
    await time.advance(30_000);
    const later = registered(await backend.register(registerRequest('a', { instance: 'new' }), call()));
    await backend.unregister(old, call());
    expect((await backend.list(call())).members).toHaveLength(1);
    await backend.unregister(later, call());
    await backend.unregister(later, call());
    expect((await backend.list(call())).members).toEqual([]);
  });

  it('an older message that arrives later does not bring it back; a later one does', async () => {
    const { client, call, time } = world();
    const backend = client();
    backend.faults.inject({ kind: 'duplicate', afterMs: 100, verbs: ['register'], times: 1 });
    const registration = registered(await backend.register(registerRequest('a'), call()));
    await backend.unregister(registration, call());
    await time.advance(200);
    expect((await backend.list(call())).members).toEqual([]);
    await backend.register(registerRequest('a'), call());
    expect((await backend.list(call())).members).toHaveLength(1);
  });
});

describe('memory store: list', () => {
  it('an empty namespace is an empty complete list', async () => {
    const { client, call } = world();
    const list = await client().list(call());
    const record = { kind: 'absent' };
    expect(list).toEqual({ members: [], record, complete: true, skipped: [], revision: 0n, store: 'store-1' });
  });

  it('keeps clusters apart, in one order of revisions', async () => {
    const { client, call } = world();
    const [blue, green] = [client(), client({ cluster: 'green' })];
    await blue.register(registerRequest('a'), call());
    await green.register(registerRequest('a'), call());
    expect([blue.cluster, nodes(await blue.list(call()))]).toEqual(['blue', ['a']]);
    expect((await blue.list(call())).revision).toBe(2n);
  });

  it('says what it skipped', async () => {
    const { client, call, operator } = world();
    operator.insertForeign('stranger');
    expect((await client().list(call())).skipped).toEqual([{ key: 'stranger', reason: 'not JSON' }]);
  });

  it('an unreadable record is unreadable, never absent', async () => {
    const { client, call, operator } = world();
    operator.overwriteRecord('{"format":99}');
    expect((await client().list(call())).record).toMatchObject({ kind: 'unreadable' });
    operator.deleteRecord();
    expect((await client().list(call())).record).toEqual({ kind: 'absent' });
  });

  it('is late where lists are eventual, but never goes back', async () => {
    const { client, call, time } = world({
      capabilities: { listConsistency: 'eventual' },
      stalenessMs: 1000,
      startMs: 5000,
    });
    const [writer, reader] = [client(), client()];
    let late = 0;
    let last = 0n;
    for (let index = 0; index < 100; index += 1) {
      await writer.register(registerRequest(`n${index}`), call());
      const list = await reader.list(call());
      if (list.members.length <= index) late += 1;
      expect(list.revision).toBeGreaterThanOrEqual(last);
      last = list.revision ?? 0n;
      await time.advance(100);
    }
    expect(late).toBeGreaterThan(10);
    await time.advance(1000);
    expect((await reader.list(call())).members).toHaveLength(100);
  });
});
