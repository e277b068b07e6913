import { consulLike, historyText } from '@autocluster/testing';
import { describe, expect, it } from 'vitest';
import { clusterRecord, held, lockRequest, outcomeOf, registerRequest, world } from './store-kit.js';

describe('memory store: lock', () => {
  it('excludes others, names the holder, and leaves nothing behind when busy', async () => {
    const { client, call, operator, store } = world();
    const backend = client();
    const grant = held(await backend.lock(lockRequest('a', 'x'), call()));
    expect(grant).toMatchObject({ name: 'formation', attempt: 'x', ttlMs: 30_000, record: { kind: 'absent' } });
    const { revision } = store;
    expect(await client().lock(lockRequest('b', 'y'), call())).toMatchObject({ kind: 'busy', holder: 'a' });
    expect([store.revision, operator.inspect().locks]).toMatchObject([revision, [{ node: 'a', token: grant.token }]]);
  });

  it('is idempotent for an attempt: a repeat answers the same grant and extends it', async () => {
    const { client, call, time } = world();
    const backend = client();
    const first = held(await backend.lock(lockRequest('a', 'x'), call()));
    await time.advance(29_000);
    expect(held(await backend.lock(lockRequest('a', 'x'), call())).token).toBe(first.token);
    await time.advance(29_000);
    expect(await client().lock(lockRequest('b', 'y'), call())).toMatchObject({ kind: 'busy' });
    expect(await backend.lock(lockRequest('a', 'another'), call())).toMatchObject({ kind: 'busy', holder: 'a' });
  });

  it('a renewal extends its own grant; a gone or foreign one is lost', async () => {
    const { client, call, time, operator } = world();
    const backend = client();
    const renew = (grant: ReturnType<typeof held>) =>
      backend.lock(lockRequest('a', grant.attempt, { held: grant }), call());
    const first = held(await backend.lock(lockRequest('a', 'x'), call()));
    await time.advance(20_000);
    expect(await renew(first)).toMatchObject({ kind: 'held', grant: { token: first.token } });
    await time.advance(29_999);
    expect(await renew(first)).toMatchObject({ kind: 'held' });
    await time.advance(30_000);
    expect(await renew(first)).toEqual({ kind: 'lost' });
    const second = held(await backend.lock(lockRequest('a', 'y'), call()));
    operator.deleteLock('formation');
    expect(await renew(second)).toEqual({ kind: 'lost' });
    held(await client().lock(lockRequest('b', 'z'), call()));
    expect(await renew(second)).toEqual({ kind: 'lost' });
  });

  it('tokens only grow: across holders, expiry, deletion of the key and other writes', async () => {
    const { client, call, time, operator } = world();
    const backend = client();
    const tokens: bigint[] = [];
    const next = async (attempt: string) => {
      const grant = held(await backend.lock(lockRequest('a', attempt), call()));
      tokens.push(grant.token);
      expect((await backend.list(call())).revision).toBeGreaterThanOrEqual(grant.token);
      return grant;
    };
    await backend.unlock(await next('1'), call());
    await next('2');
    await time.advance(30_000);
    await next('3');
    operator.deleteLock('formation');
    await backend.register(registerRequest('a'), call());
    await next('4');
    expect(new Set(tokens).size).toBe(4);
    expect(tokens).toEqual(tokens.toSorted((a, b) => (a < b ? -1 : 1)));
  });

  it('does not share its life with the registration, nor with other locks', async () => {
    const { client, call, operator } = world();
    const backend = client();
    await backend.register(registerRequest('a'), call());
    held(await backend.lock(lockRequest('a', 'x'), call()));
    const other = held(await backend.lock(lockRequest('a', 'y', { name: 'cleanup' }), call()));
    expect(other.record).toBeUndefined();
    operator.deleteMember('a');
    await backend.unlock(other, call());
    expect(operator.inspect().locks.map(({ name }) => name)).toEqual(['formation']);
  });

  it('tells when it may be free, once it is asked to', async () => {
    const { client, call, time } = world();
    const [a, b] = [client(), client()];
    const busy = async () => {
      const outcome = await b.lock(lockRequest('b', 'y'), call());
      if (outcome.kind !== 'busy' || !outcome.released) throw new TypeError('expected a hint');
      return outcome.released;
    };
    const grant = held(await a.lock(lockRequest('a', 'x'), call()));
    const released = await busy();
    expect(time.pendingTimers).toBe(0);
    const told = outcomeOf(released(new AbortController().signal));
    await a.register(registerRequest('a'), call());
    await time.advance(10);
    expect(told()).toBeUndefined();
    await a.unlock(grant, call());
    await time.advance(0);
    expect([told(), time.pendingTimers]).toEqual([{ value: undefined }, 0]);

    held(await a.lock(lockRequest('a', 'expires'), call()));
    const expired = outcomeOf((await busy())(new AbortController().signal));
    await time.advance(29_999);
    expect(expired()).toBeUndefined();
    await time.advance(1);
    expect(expired()).toBeDefined();

    held(await a.lock(lockRequest('a', 'aborted'), call()));
    const abort = new AbortController();
    const given = outcomeOf((await busy())(abort.signal));
    abort.abort();
    await time.advance(0);
    expect([given(), time.pendingTimers]).toEqual([{ value: undefined }, 0]);
  });

  it('does not exist in a store without locks', async () => {
    const { client, call } = world({ capabilities: { lock: 'none' } });
    const refused = { code: 'UNSUPPORTED', operation: 'lock' };
    await expect(client().lock(lockRequest('a', 'x'), call())).rejects.toMatchObject(refused);
  });

  it('like Consul: entries live up to two TTLs, and a lost lock is refused for the lock delay, which it tells', async () => {
    const { client, call, time, store } = world(consulLike());
    const backend = client();
    held(await backend.lock(lockRequest('a', 'x'), call()));
    await time.advance(29_999);
    expect(await backend.lock(lockRequest('b', 'y'), call())).toMatchObject({ kind: 'busy', holder: 'a' });
    await time.advance(30_001);
    const delayed = await backend.lock(lockRequest('b', 'y'), call());
    const { atMs } = store.history.at(-1) ?? { atMs: 0 };
    expect(atMs).toBeGreaterThanOrEqual(30_000);
    expect(atMs).toBeLessThan(60_000);
    const wait = delayed.kind === 'busy' ? delayed.retryAfterMs : undefined;
    if (wait !== undefined) await time.advance(wait);
    expect(await backend.lock(lockRequest('b', 'y'), call())).toMatchObject({ kind: 'held' });
  });
});

describe('memory store: unlock', () => {
  it('releases exactly this grant, never a newer one', async () => {
    const { client, call, time } = world();
    const backend = client();
    const old = held(await backend.lock(lockRequest('a', 'x'), call()));
    await time.advance(30_000);
    const later = held(await backend.lock(lockRequest('b', 'y'), call()));
    expect(await backend.unlock(old, call())).toEqual({ kind: 'lost' });
    expect(await backend.unlock(later, call())).toEqual({ kind: 'released' });
  });

  it('a late copy of the request of a released attempt does not take the lock again', async () => {
    const { client, call, time, operator } = world();
    const backend = client();
    backend.faults.inject({ kind: 'duplicate', afterMs: 100, verbs: ['lock'], times: 1 });
    await backend.unlock(held(await backend.lock(lockRequest('a', 'x'), call())), call());
    await time.advance(200);
    expect(operator.inspect().locks).toEqual([]);
  });

  it('nor that of an attempt that asked for a commit, whether it came in time or not', async () => {
    const { client, call, time, operator } = world();
    const backend = client();
    for (const [attempt, heldMs] of [['x', 0] as const, ['y', 30_000] as const]) {
      backend.faults.inject({ kind: 'duplicate', afterMs: 30_100, verbs: ['lock'], times: 1 });
      const grant = held(await backend.lock(lockRequest('a', attempt), call()));
      await time.advance(heldMs);
      const record = clusterRecord(grant.token, { clusterId: 'id-1' });
      const kind = heldMs === 0 ? 'released' : 'lost';
      expect(await backend.unlock(grant, { ...call(), record })).toEqual({ kind });
      await time.advance(30_200 - heldMs);
      expect(operator.inspect().locks).toEqual([]);
    }
  });

  it('commits the record in the same write, and only while the grant holds', async () => {
    const { client, call, time, store, operator } = world();
    const backend = client();
    const grant = held(await backend.lock(lockRequest('node-1', 'x'), call()));
    const { revision } = store;
    const record = clusterRecord(grant.token, { extra: { newer: true } });
    expect(await backend.unlock(grant, { ...call(), record })).toEqual({ kind: 'released' });
    expect([store.revision, operator.inspect().locks]).toEqual([revision + 1n, []]);
    expect((await backend.list(call())).record).toEqual({ kind: 'present', record });
    const late = held(await backend.lock(lockRequest('node-2', 'y'), call()));
    expect(late.record).toEqual({ kind: 'present', record });
    await time.advance(30_000);
    const other = clusterRecord(late.token, { clusterId: 'id-2' });
    expect(await backend.unlock(late, { ...call(), record: other })).toEqual({ kind: 'lost' });
    expect((await backend.list(call())).record).toEqual({ kind: 'present', record });
    expect(historyText(store.history)).toContain('record-committed');
  });

  it('a repeat of a commit that had happened is released', async () => {
    const { client, call } = world();
    const backend = client();
    const grant = held(await backend.lock(lockRequest('node-1', 'x'), call()));
    const record = clusterRecord(grant.token);
    await backend.unlock(grant, { ...call(), record });
    expect(await backend.unlock(grant, { ...call(), record })).toEqual({ kind: 'released' });
    const changed = { ...call(), record: clusterRecord(grant.token + 1n) };
    expect(await backend.unlock(grant, changed)).toEqual({ kind: 'lost' });
  });

  it('refuses a record on any other lock', async () => {
    const { client, call } = world();
    const backend = client();
    const grant = held(await backend.lock(lockRequest('a', 'x', { name: 'cleanup' }), call()));
    const options = { ...call(), record: clusterRecord(1n) };
    await expect(backend.unlock(grant, options)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });
});

describe('memory store: a commit in a store that cannot do it in one write', () => {
  const latency = { requestMs: 10, replyMs: 10 };

  it('fenced: writes and releases one after the other, each only under the grant', async () => {
    const { client, call, time, operator } = world({ capabilities: { record: 'separate' } });
    const quick = client();
    const slow = client({ latency });
    const grant = held(await quick.lock(lockRequest('node-1', 'x'), call()));
    const record = clusterRecord(grant.token);
    const committing = outcomeOf(slow.unlock(grant, { ...call(), record }));
    await time.advance(15);
    expect([operator.inspect().record.kind, operator.inspect().locks.length]).toEqual(['present', 1]);
    await time.advance(30);
    expect([committing(), operator.inspect().locks.length]).toEqual([{ value: { kind: 'released' } }, 0]);
    const late = held(await quick.lock(lockRequest('node-1', 'y'), call()));
    operator.deleteLock('formation');
    const other = clusterRecord(late.token, { clusterId: 'id-2' });
    expect(await quick.unlock(late, { ...call(), record: other })).toEqual({ kind: 'lost' });
    expect(operator.inspect().record).toEqual({ kind: 'present', record });
  });

  it('advisory: a lock that is lost between look and write does not stop the write', async () => {
    const { client, call, time, operator, store } = world({ capabilities: { record: 'separate', lock: 'advisory' } });
    const slow = client({ latency });
    const grant = held(await client().lock(lockRequest('node-1', 'x'), call()));
    const committing = outcomeOf(slow.unlock(grant, { ...call(), record: clusterRecord(grant.token) }));
    await time.advance(15);
    operator.deleteLock('formation');
    await time.advance(50);
    expect(committing()).toEqual({ value: { kind: 'released' } });
    expect(store.history.find(({ kind }) => kind === 'record-committed')).toMatchObject({ underLock: false });
    operator.deleteRecord();
    const again = slow.unlock(grant, { ...call(), record: clusterRecord(grant.token) });
    await time.advance(50);
    expect(await again).toEqual({ kind: 'lost' });
  });
});
