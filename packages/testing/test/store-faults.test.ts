import { type CallOptions, type MemberList } from '@autocluster/core/backend';
import { deadline } from '@autocluster/core/runtime';
import { type Fault, historyText, memoryStore, type MemoryClient, simulateTime } from '@autocluster/testing';
import { describe, expect, it } from 'vitest';
import { clusterRecord, held, lockRequest, outcomeOf, registered, registerRequest, world } from './store-kit.js';

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

describe('memory store: watch', () => {
  const open = (backend: MemoryClient, options: CallOptions) => {
    const iterator = backend.watch(options)[Symbol.asyncIterator]();
    return () => outcomeOf(iterator.next());
  };

  it('tells of each change, several at once, and of an expiry', async () => {
    const { client, call, time } = world();
    const backend = client();
    const next = open(backend, call());
    const first = next();
    await time.advance(10);
    expect([first(), time.pendingTimers]).toEqual([undefined, 0]);
    await backend.register(registerRequest('a'), call());
    await backend.register(registerRequest('b'), call());
    await time.advance(0);
    expect(first()).toEqual({ value: { done: false, value: 'changed' } });
    const second = next();
    await time.advance(0);
    expect(second()).toBeDefined();
    const expiry = next();
    await time.advance(29_000);
    expect(expiry()).toBeUndefined();
    await time.advance(1000);
    expect(expiry()).toMatchObject({ value: { value: 'changed' } });
  });

  it('hears nothing of other clusters', async () => {
    const { client, call, time } = world();
    const hearing = open(client(), call())();
    await client({ cluster: 'green' }).register(registerRequest('a'), call());
    await time.advance(0);
    expect(hearing()).toBeUndefined();
  });

  it('ends with its signal or when it is left, and leaves no timer', async () => {
    const { client, call, time } = world();
    const backend = client();
    const abort = new AbortController();
    const ending = open(backend, call(abort.signal))();
    await backend.register(registerRequest('a'), call());
    await time.advance(0);
    abort.abort();
    let count = 0;
    const leaving = (async () => {
      for await (const _ of backend.watch(call())) {
        count += 1;
        if (count === 2) break;
      }
    })();
    for (const node of ['b', 'c']) {
      await backend.register(registerRequest(node), call());
      await time.advance(0);
    }
    await leaving;
    expect([ending(), count, time.pendingTimers]).toMatchObject([{ value: { done: false } }, 2, 0]);
  });

  it('breaks, fails to open, or stays silent when told to', async () => {
    const { client, call, time } = world();
    const backend = client();
    const breaking = open(backend, call())();
    backend.faults.breakWatches();
    await time.advance(0);
    expect(breaking()).toMatchObject({ error: { code: 'STORE_UNREACHABLE' } });
    backend.faults.inject({ kind: 'fail', code: 'STORE_FORBIDDEN', verbs: ['watch'], times: 1 });
    const failing = open(backend, call())();
    backend.faults.inject({ kind: 'drop-reply', verbs: ['watch'], times: 1 });
    const silent = open(backend, call())();
    await backend.register(registerRequest('a'), call());
    await time.advance(10);
    expect([failing(), silent()]).toMatchObject([{ error: { code: 'STORE_FORBIDDEN' } }, undefined]);
  });

  it('survives a wipe and a restored backup', async () => {
    const { client, call, time, store } = world();
    const backend = client();
    const next = open(backend, call());
    const backup = store.snapshot();
    const wiped = next();
    store.wipe();
    await time.advance(0);
    const restored = next();
    store.restore(backup);
    await time.advance(0);
    const changed = next();
    await backend.register(registerRequest('a'), call());
    await time.advance(0);
    for (const outcome of [wiped, restored, changed]) expect(outcome()).toMatchObject({ value: { done: false } });
  });
});

describe('memory store: operator', () => {
  it('wipe: another identity, nothing left, tokens begin again', async () => {
    const { client, call, store } = world();
    const backend = client();
    const entry = registered(await backend.register(registerRequest('a'), call()));
    const grant = held(await backend.lock(lockRequest('a', 'x'), call()));
    store.wipe();
    expect(await backend.list(call())).toMatchObject({ members: [], revision: 0n, store: 'store-2' });
    expect(await backend.lock(lockRequest('a', 'x', { held: grant }), call())).toEqual({ kind: 'lost' });
    expect(held(await backend.lock(lockRequest('b', 'y'), call())).token).toBeLessThan(grant.token);
    await backend.register(registerRequest('a', { held: entry }), call());
    expect((await backend.list(call())).members).toHaveLength(1);
  });

  it('restore: the dead are back for a whole TTL, revision and tokens fall', async () => {
    const { client, call, store, time } = world();
    const backend = client();
    await backend.register(registerRequest('dead'), call());
    held(await backend.lock(lockRequest('dead', 'x'), call()));
    const backup = store.snapshot();
    await time.advance(60_000);
    const grant = held(await backend.lock(lockRequest('a', 'y'), call()));
    const { revision } = store;
    store.restore(backup);
    expect(store.revision).toBeLessThan(revision);
    expect(await backend.list(call())).toMatchObject({ members: [{ node: 'dead' }], store: 'store-1' });
    expect(await backend.lock(lockRequest('a', 'y', { held: grant }), call())).toEqual({ kind: 'lost' });
    expect(await backend.lock(lockRequest('a', 'z'), call())).toMatchObject({ kind: 'busy', holder: 'dead' });
    await time.advance(30_000);
    expect(held(await backend.lock(lockRequest('a', 'z'), call())).token).toBeLessThanOrEqual(grant.token);
  });

  it('records every grant, release, expiry, commit and registration with its true time', async () => {
    const { client, call, store, time, operator } = world();
    const backend = client();
    const entry = registered(await backend.register(registerRequest('a'), call()));
    const grant = held(await backend.lock(lockRequest('a', 'x'), call()));
    await time.advance(5);
    await backend.unlock(grant, { ...call(), record: clusterRecord(grant.token) });
    await backend.unregister(entry, call());
    held(await backend.lock(lockRequest('b', 'y'), call()));
    await time.advance(40_000);
    operator.deleteRecord();
    const seen = store.history.map(({ atMs, kind }) => `${atMs} ${kind}`);
    expect(seen).toEqual([
      '0 registered',
      '0 locked',
      '5 record-committed',
      '5 unlocked',
      '5 unregistered',
      '5 locked',
      '30005 lock-expired',
      '40005 operator',
    ]);
  });
});

const MIXED: readonly Fault[] = [
  { kind: 'drop-request' },
  { kind: 'drop-reply' },
  { kind: 'delay', requestMs: 400, replyMs: 300 },
  { kind: 'duplicate', afterMs: 700 },
  { kind: 'fail', code: 'STORE_UNREACHABLE' },
  { kind: 'fail', code: 'STORE_FAILED', applied: true },
  { kind: 'partial-list' },
  { kind: 'empty-list' },
  { kind: 'stale-list' },
];

async function mixedHistory(seed: number): Promise<string> {
  const time = simulateTime({ seed });
  const store = memoryStore({ runtime: time.runtime });
  const log: string[] = [];
  const life = async (node: string) => {
    const runtime = time.process({ driftRate: 0.9 + runtime0.random() / 5 });
    const backend = store.client({ cluster: 'blue', runtime, latency: { requestMs: [1, 40], replyMs: [1, 40] } });
    for (const fault of MIXED) backend.faults.inject({ ...fault, chance: 0.05 });
    for (let round = 0; round < 40; round += 1) {
      const options = { signal: new AbortController().signal, timeoutMs: 1000, clock: runtime.clock };
      const note = (error: unknown) => void log.push(`${time.nowMs} ${node} ${String(error)}`);
      await backend.register(registerRequest(node, { ttlMs: 3000 }), options).catch(note);
      const locked = await backend.lock(lockRequest(node, runtime.uniqueId(), { ttlMs: 2000 }), options).catch(note);
      if (locked?.kind === 'held') {
        const record = clusterRecord(locked.grant.token, { createdBy: node, version: round });
        await backend.unlock(locked.grant, { ...options, record }).catch(note);
      }
      const list = await backend.list(options).catch(note);
      if (list)
        log.push(`${time.nowMs} ${node} sees ${list.members.map((each) => each.node).join()} r${list.revision}`);
    }
  };
  const runtime0 = time.process();
  const lives = Promise.all(['a', 'b', 'c', 'd'].map(life));
  let ended = false;
  void lives.then(() => void (ended = true));
  await time.runUntil(() => ended, { limitMs: 1_000_000 });
  return `${log.join('\n')}\n${historyText(store.history)}`;
}

describe('memory store: many clients under mixed faults', () => {
  it('the same seed makes the same history, to the letter; another seed another', async () => {
    const first = await mixedHistory(11);
    expect(await mixedHistory(11)).toBe(first);
    expect(await mixedHistory(12)).not.toBe(first);
    expect(first).toContain('TIMEOUT');
    expect(first).toContain('record-committed');
  });

  it('never has two holders of a lock, and every commit is under its grant', async () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const text = await mixedHistory(seed);
      const held = text.split('\n').filter((line) => /blue (locked|unlocked|lock-expired)/.test(line));
      held.forEach((line, index) => expect(line.includes('blue locked')).toBe(index % 2 === 0));
      expect(text).not.toContain('"underLock":false');
    }
  });
});
