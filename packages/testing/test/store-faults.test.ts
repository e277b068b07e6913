import { type MemberList } from '@autocluster/core/backend';
import { deadline } from '@autocluster/core/runtime';
import { type MemoryClient } from '@autocluster/testing';
import { describe, expect, it } from 'vitest';
import { clusterRecord, held, lockRequest, outcomeOf, registerRequest, world } from './store-kit.js';

const latency = { requestMs: 10, replyMs: 20 };

describe('memory store client: time', () => {
  it('settles without timers when it has no latency', async () => {
    const { client, call, time } = world();
    await client().register(registerRequest('a'), call());
    expect(time.pendingTimers).toBe(0);
  });

  it('takes effect after the request time, answers after the reply time', async () => {
    const { client, call, time, operator } = world();
    const registering = outcomeOf(client({ latency }).register(registerRequest('a'), call()));
    await time.advance(9);
    expect(operator.inspect().members).toHaveLength(0);
    await time.advance(1);
    expect([operator.inspect().members.length, registering()]).toEqual([1, undefined]);
    await time.advance(20);
    expect(registering()).toMatchObject({ value: { kind: 'registered' } });
    expect(time.pendingTimers).toBe(0);
  });

  it('draws latencies from a range by the seed', async () => {
    const elapsed = async (seed: string) => {
      const { client, call, time } = world({ seed });
      const backend = client({ latency: { requestMs: [1, 50], replyMs: [1, 50] } });
      const listing = outcomeOf(backend.list(call()));
      await time.runUntil(() => listing() !== undefined, { limitMs: 200 });
      return time.nowMs;
    };
    expect(await elapsed('x')).toBe(await elapsed('x'));
    expect(await elapsed('x')).not.toBe(await elapsed('y'));
  });

  it('TTLs run by the store: a client whose clock drifts changes nothing', async () => {
    const { client, time, call } = world();
    const backend = client({ runtime: time.process({ driftRate: 3 }) });
    await backend.register(registerRequest('a'), call());
    await time.advance(29_999);
    expect((await backend.list(call())).members).toHaveLength(1);
  });

  it('answers wait while the process of the client is halted', async () => {
    const { client, call, time } = world();
    const process = time.process();
    const listing = outcomeOf(client({ runtime: process, latency }).list(call()));
    process.pause();
    await time.advance(1000);
    expect(listing()).toBeUndefined();
    process.resume();
    await time.advance(0);
    expect(listing()).toMatchObject({ value: { complete: true } });
  });
});

describe('memory store client: abort, timeout, close', () => {
  it('an aborted signal stops a verb before it is sent', async () => {
    const { client, call, store } = world();
    const reason = new TypeError('enough');
    const failing = client().register(registerRequest('a'), call(AbortSignal.abort(reason)));
    await expect(failing).rejects.toMatchObject({ code: 'ABORTED', operation: 'register', cause: reason });
    expect(store.revision).toBe(0n);
  });

  it('an abort on the way settles at once; the request may still succeed late', async () => {
    const { client, call, time, operator } = world();
    const abort = new AbortController();
    const locking = outcomeOf(client({ latency }).lock(lockRequest('a', 'x'), call(abort.signal)));
    await time.advance(5);
    abort.abort();
    await time.advance(0);
    expect(locking()).toMatchObject({ error: { code: 'ABORTED' } });
    await time.advance(100);
    expect([operator.inspect().locks.length, time.pendingTimers]).toEqual([1, 0]);
  });

  it('rejects with the reason of the signal when that is one of our errors', async () => {
    const { client, call, time } = world();
    const backend = client();
    backend.faults.inject({ kind: 'drop-request' });
    const bounded = deadline(time.runtime, 100, 'list');
    const listing = outcomeOf(backend.list(call(bounded.signal)));
    await time.advance(100);
    expect(listing()).toEqual({ error: bounded.signal.reason });
  });

  it('settles by itself after timeoutMs, also without a signal', async () => {
    const { client, call, time } = world();
    const backend = client();
    backend.faults.inject({ kind: 'drop-reply', times: 1 });
    const listing = outcomeOf(backend.list(call(undefined, 300)));
    await time.advance(299);
    expect(listing()).toBeUndefined();
    await time.advance(1);
    expect(listing()).toMatchObject({ error: { code: 'TIMEOUT', outcomeUnknown: true } });
  });

  it('after close every verb rejects CLOSED, and nothing keeps running', async () => {
    const { client, call, time } = world();
    const backend = client({ latency });
    const grant = { ...lockRequest('a', 'x'), token: 1n, ref: '', record: undefined };
    const entry = { ...registerRequest('a'), order: undefined, ref: '' };
    const underWay = outcomeOf(backend.list(call()));
    const watching = outcomeOf(backend.watch(call())[Symbol.asyncIterator]().next());
    await backend.close();
    await backend.close();
    await time.advance(0);
    expect(underWay()).toMatchObject({ error: { code: 'CLOSED', operation: 'list' } });
    expect(watching()).toMatchObject({ value: { done: true } });
    const verbs = [
      () => backend.register(registerRequest('a'), call()),
      () => backend.unregister(entry, call()),
      () => backend.list(call()),
      () => backend.lock(lockRequest('a', 'x'), call()),
      () => backend.unlock(grant, call()),
      () => backend.watch(call())[Symbol.asyncIterator]().next(),
    ];
    for (const verb of verbs) await expect(verb()).rejects.toMatchObject({ code: 'CLOSED' });
    await time.advance(20);
    expect(time.pendingTimers).toBe(0);
  });
});

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
