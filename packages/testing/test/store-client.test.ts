import { deadline } from '@autocluster/core/runtime';
import { describe, expect, it } from 'vitest';
import { lockRequest, outcomeOf, registerRequest, watchOf, world } from './store-kit.js';

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
    const watching = outcomeOf(watchOf(backend, call())[Symbol.asyncIterator]().next());
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
      () => watchOf(backend, call())[Symbol.asyncIterator]().next(),
    ];
    for (const verb of verbs) await expect(verb()).rejects.toMatchObject({ code: 'CLOSED' });
    await time.advance(20);
    expect(time.pendingTimers).toBe(0);
  });
});
