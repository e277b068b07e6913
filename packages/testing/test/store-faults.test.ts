import type { MemberList } from '@autocluster/core/backend';
import type { MemoryClient } from '@autocluster/testing';
import { describe, expect, it } from 'vitest';
import { clusterRecord, held, lockRequest, outcomeOf, registerRequest, world } from './store-kit.js';

describe('memory store client: faults', () => {
  const setUp = async () => {
    const all = world();
    const backend = all.client();
    await backend.register(registerRequest('a'), all.call());
    await backend.register(registerRequest('b'), all.call());
    return { ...all, backend, short: all.call(undefined, 100) };
  };
  const listed = (list: MemberList) => list.members.map(({ node }) => node);

  it('drop-request: nothing happens, the caller times out', async () => {
    const { backend, short, time, store } = await setUp();
    backend.faults.inject({ kind: 'drop-request', verbs: ['lock'], times: 1 });
    const locking = outcomeOf(backend.lock(lockRequest('a', 'x'), short));
    await time.advance(100);
    expect([locking(), store.revision]).toMatchObject([{ error: { code: 'TIMEOUT' } }, 2n]);
    expect(await backend.lock(lockRequest('a', 'x'), short)).toMatchObject({ kind: 'held' });
  });

  it('drop-reply: it has happened; a repeat of the attempt finds its own grant', async () => {
    const { backend, short, time, operator } = await setUp();
    backend.faults.inject({ kind: 'drop-reply', verbs: ['lock'], times: 1 });
    const locking = outcomeOf(backend.lock(lockRequest('a', 'x'), short));
    await time.advance(100);
    const [lock] = operator.inspect().locks;
    expect(locking()).toMatchObject({ error: { code: 'TIMEOUT', outcomeUnknown: true } });
    expect(held(await backend.lock(lockRequest('a', 'x'), short)).token).toBe(lock?.token);
  });

  it('drop-reply of a commit: a repeat is released, and the record is there once', async () => {
    const { backend, short, time, store } = await setUp();
    const grant = held(await backend.lock(lockRequest('node-1', 'x'), short));
    const record = clusterRecord(grant.token);
    backend.faults.inject({ kind: 'drop-reply', verbs: ['unlock'], times: 1 });
    const committing = outcomeOf(backend.unlock(grant, { ...short, record }));
    await time.advance(100);
    expect(committing()).toMatchObject({ error: { code: 'TIMEOUT' } });
    expect(await backend.unlock(grant, { ...short, record })).toEqual({ kind: 'released' });
    expect(store.history.filter(({ kind }) => kind === 'record-committed')).toHaveLength(1);
  });

  it('delay: request and reply separately', async () => {
    const { backend, call, time, operator } = await setUp();
    backend.faults.inject({ kind: 'delay', requestMs: 50, replyMs: 70, times: 1 });
    const locking = outcomeOf(backend.lock(lockRequest('a', 'x'), call()));
    await time.advance(50);
    expect([operator.inspect().locks.length, locking()]).toEqual([1, undefined]);
    await time.advance(70);
    expect(locking()).toMatchObject({ value: { kind: 'held' } });
  });

  it('duplicate: an old register does not undo a newer one', async () => {
    const { backend, call, time, operator } = await setUp();
    backend.faults.inject({ kind: 'duplicate', afterMs: 50, times: 1 });
    await backend.register(registerRequest('a'), call());
    await backend.register(registerRequest('a', { state: 'ready' }), call());
    await time.advance(50);
    expect(operator.inspect().members[0]?.registration.state).toBe('ready');
  });

  it('pause: answers are held until resume, requests go through', async () => {
    const { backend, call, time, operator } = await setUp();
    backend.faults.pause();
    const locking = outcomeOf(backend.lock(lockRequest('a', 'x'), call()));
    await time.advance(100);
    expect([operator.inspect().locks.length, locking()]).toEqual([1, undefined]);
    backend.faults.resume();
    await time.advance(0);
    expect(locking()).toMatchObject({ value: { kind: 'held' } });
  });

  it('fail: with a code, for so many calls of a verb, until it is cancelled', async () => {
    const { backend, call, operator } = await setUp();
    backend.faults.inject({ kind: 'fail', code: 'STORE_FULL', verbs: ['register'], times: 1 });
    const failure = { code: 'STORE_FULL', operation: 'register', outcomeUnknown: false };
    await expect(backend.register(registerRequest('c'), call())).rejects.toMatchObject(failure);
    await expect(backend.register(registerRequest('c'), call())).resolves.toMatchObject({ kind: 'registered' });
    const cancel = backend.faults.inject({ kind: 'fail', code: 'STORE_UNREACHABLE' });
    for (let index = 0; index < 3; index += 1) {
      await expect(backend.list(call())).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
    }
    cancel();
    await expect(backend.list(call())).resolves.toBeDefined();
    backend.faults.inject({ kind: 'fail', code: 'STORE_FAILED', applied: true, times: 1 });
    await expect(backend.register(registerRequest('d'), call())).rejects.toMatchObject({ outcomeUnknown: true });
    expect(operator.inspect().members.map((each) => each.registration.node)).toContain('d');
  });

  it('partial-list: says that it is incomplete', async () => {
    const { backend, call } = await setUp();
    backend.faults.inject({ kind: 'partial-list', missing: ['a'], times: 1 });
    const list = await backend.list(call());
    expect([listed(list), list.complete]).toEqual([['b'], false]);
    backend.faults.inject({ kind: 'partial-list', times: 1 });
    expect((await backend.list(call())).complete).toBe(false);
    expect((await backend.list(call())).complete).toBe(true);
  });

  it('empty-list: lies that it is complete', async () => {
    const { backend, call, operator } = await setUp();
    operator.overwriteRecord('{');
    backend.faults.inject({ kind: 'empty-list', times: 1 });
    expect(await backend.list(call())).toMatchObject({ members: [], complete: true, record: { kind: 'absent' } });
    backend.faults.inject({ kind: 'empty-list', keepsRecord: true, times: 1 });
    expect(await backend.list(call())).toMatchObject({ members: [], record: { kind: 'unreadable' } });
  });

  it('stale-list: an older one, with its revision', async () => {
    const { backend, call } = await setUp();
    const now = await backend.list(call());
    backend.faults.inject({ kind: 'stale-list', times: 1 });
    const stale = await backend.list(call());
    expect([listed(stale), stale.revision]).toEqual([['a'], (now.revision ?? 0n) - 1n]);
    backend.faults.inject({ kind: 'stale-list', changesBack: 99, times: 1 });
    expect(listed(await backend.list(call()))).toEqual([]);
  });

  it('nonsense: an answer that no contract allows', async () => {
    const { backend, call } = await setUp();
    backend.faults.inject({ kind: 'nonsense', answer: { kind: 'granted' }, times: 1 });
    expect(await backend.lock(lockRequest('a', 'x'), call())).toEqual({ kind: 'granted' });
    backend.faults.inject({ kind: 'nonsense' });
    const seen = new Set<unknown>();
    for (let index = 0; index < 50; index += 1) seen.add(JSON.stringify(await backend.list(call())));
    expect(seen.size).toBeGreaterThan(4);
  });

  it('strikes by chance, on one client or on all, and adds up', async () => {
    const { backend, client, call, store } = await setUp();
    const other = client({ id: 'other' });
    const failures = async (which: MemoryClient) => {
      let count = 0;
      for (let index = 0; index < 200; index += 1) await which.list(call()).catch(() => void (count += 1));
      return count;
    };
    store.faults('other').inject({ kind: 'fail', code: 'STORE_FAILED', chance: 0.3 });
    expect(await failures(other)).toBeGreaterThan(30);
    expect([await failures(backend), await failures(other)]).not.toContain(200);
    store.faults('other').clear();
    expect(await failures(other)).toBe(0);
    const cancel = store.inject({ kind: 'fail', code: 'STORE_UNREACHABLE' });
    expect([await failures(backend), await failures(client())]).toEqual([200, 200]);
    cancel();
    expect(await failures(backend)).toBe(0);
    expect(() => store.faults('nobody')).toThrow(RangeError);
  });

  it('a client may lie about what its store can do', async () => {
    const { client, call } = world();
    const liar = client({ capabilities: { lock: 'none' } });
    expect(liar.capabilities.lock).toBe('none');
    expect(await liar.lock(lockRequest('a', 'x'), call())).toMatchObject({ kind: 'held' });
  });
});
