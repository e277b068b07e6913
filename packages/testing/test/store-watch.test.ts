import { createClusterNode, processDriver } from '@autocluster/core';
import type { CallOptions } from '@autocluster/core/backend';
import type { MemoryClient } from '@autocluster/testing';
import { describe, expect, it } from 'vitest';
import {
  clusterRecord,
  held,
  lockRequest,
  outcomeOf,
  registered,
  registerRequest,
  watchOf,
  world,
} from './store-kit.js';

describe('memory store: watch', () => {
  const open = (backend: MemoryClient, options: CallOptions) => {
    const iterator = watchOf(backend, options)[Symbol.asyncIterator]();
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
      for await (const _ of watchOf(backend, call())) {
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

it('a store without a watch is one to a node', () => {
  const backend = world({ capabilities: { watch: false } }).client();
  expect(backend.watch).toBeUndefined();
  expect(createClusterNode({ backend, driver: processDriver({ node: 'a' }) }).state).toEqual({ kind: 'idle' });
});
