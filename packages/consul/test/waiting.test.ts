import { withLock } from '@autocluster/core';
import { expect, test } from 'vitest';
import { until } from '../../../test/servers/harness/index.js';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import { type Recorder, recording } from './recorder.js';
import { busy, call, held, lockOf, registered, registration, sharedServer } from './support.js';

serverSuite(['consul'], 'consul: waiting', () => {
  const shared = sharedServer();
  const isForLock = ({ url, body }: Recorder['requests'][number]): boolean =>
    url.includes('/locks/') ||
    (url.startsWith('/v1/txn') && body.includes('/locks/')) ||
    url.startsWith('/v1/session/');

  test.concurrent('S28: three waiters outlast a holder that works longer than any call may take', {
    timeout: 90_000,
  }, async () => {
    const { cluster, one, two } = shared.pair();
    const { one: three, two: four } = shared.pair({ cluster });
    const order: string[] = [];
    const options = { ttlMs: 10_000, waitMs: 60_000 };
    let waiting: Promise<unknown> = Promise.resolve();
    await withLock(one, 'work', options, async () => {
      waiting = Promise.all(
        [two, three, four].map((backend, index) =>
          withLock(backend, 'work', options, async (lock) => {
            lock.assertHeld();
            order.push(`${index}`);
          }),
        ),
      );
      const beganMs = performance.now();
      await until('longer than 15 s', () => performance.now() - beganMs > 16_000, { withinMs: 30_000, everyMs: 200 });
      expect(order).toEqual([]);
    });
    await waiting;
    expect(order.toSorted()).toEqual(['0', '1', '2']);
    expect(await shared.consul.sessionsOf(cluster)).toEqual([]);
  });

  test.concurrent('S29: a question for the end of a lock outlasts the time of a call', async () => {
    const recorder = shared.keep(await recording(shared.server.httpAddress));
    const { cluster, one } = shared.pair();
    const { one: two } = shared.pair({ cluster, hosts: recorder.url });
    const grant = held(await one.lock(lockOf('a'), call()));
    const { released } = busy(await two.lock(lockOf('b'), call({ timeoutMs: 500 })));
    let isSettled = false;
    const waiting = released?.(new AbortController().signal).then(() => (isSettled = true));
    const beganMs = performance.now();
    await until('three times the time of a call', () => performance.now() - beganMs > 1500);
    expect(isSettled).toBe(false);
    await one.unlock(grant, call());
    await waiting;
    const waits = recorder.requests.filter(({ url }) => url.includes('wait='));
    expect(waits.map(({ url }) => new URL(url, 'http://x').searchParams.get('wait'))).toEqual(['30000ms']);
  });

  test.concurrent('S34: in lock-delay a waiter asks once a second, and makes no session for it', {
    timeout: 60_000,
  }, async () => {
    const recorder = shared.keep(await recording(shared.server.httpAddress));
    const { cluster, one } = shared.pair({ lockDelayMs: 6_000 });
    const { one: two } = shared.pair({ cluster, hosts: recorder.url, lockDelayMs: 6_000 });
    const grant = held(await one.lock(lockOf('a', { name: 'work' }), call()));
    await shared.consul.destroy(grant.ref);
    const diedAtMs = performance.now();
    await withLock(two, 'work', { ttlMs: 10_000, waitMs: 30_000 }, async (lock) => {
      expect(lock.token).toBeGreaterThan(grant.token);
    });
    const asked = recorder.requests.filter(isForLock);
    // The first attempt finds out, the last one gets it.
    const during = asked.filter(({ atMs }) => atMs > diedAtMs + 1000 && atMs < diedAtMs + 5900);
    expect(during.length).toBeGreaterThanOrEqual(3);
    expect(during.length).toBeLessThanOrEqual(5);
    expect(during.filter(({ url }) => url.startsWith('/v1/session/'))).toEqual([]);
    expect(await shared.consul.sessionsOf(cluster)).toEqual([]);
  });

  test.concurrent('S63: a check that an old agent answers 500 for is registered again', async () => {
    const recorder = shared.keep(await recording(shared.server.httpAddress));
    const { cluster, one } = shared.pair({ hosts: recorder.url });
    const ready = registration('n', { state: 'ready' });
    const first = registered(await one.register(ready, call()));
    let isOld = true;
    recorder.answer = ({ url }) => {
      if (!isOld || !url.startsWith('/v1/agent/check/update/')) return undefined;
      isOld = false;
      return { status: 500, text: 'CheckID "x" does not have associated TTL' };
    };
    const { length } = recorder.requests;
    expect(registered(await one.register({ ...ready, held: first }, call()))).toEqual(first);
    const later = recorder.requests.slice(length).map(({ url }) => url);
    expect(later).toContain('/v1/agent/service/register?replace-existing-checks=true');
    expect(await shared.consul.catalog(cluster)).toHaveLength(1);
  });

  test.concurrent('S27: a session that is refused for want of a leader is asked for again', async () => {
    const recorder = shared.keep(await recording(shared.server.httpAddress));
    const { one } = shared.pair({ hosts: recorder.url });
    let refusals = 1;
    recorder.answer = ({ url }) => {
      if (!url.startsWith('/v1/session/create') || refusals === 0) return undefined;
      refusals -= 1;
      return { status: 500, text: 'No cluster leader' };
    };
    held(await one.lock(lockOf('a'), call()));
    expect(refusals).toBe(0);
  });

  test.concurrent('every request says datacenter, namespace and partition; this edition refuses the last two', async () => {
    const recorder = shared.keep(await recording(shared.server.httpAddress));
    const { one } = shared.pair({ hosts: recorder.url, datacenter: 'dc1' });
    registered(await one.register(registration('n'), call()));
    const { one: wrong } = shared.pair({ datacenter: 'elsewhere' });
    await expect(wrong.list(call())).rejects.toMatchObject({ code: 'STORE_FAILED', retryable: false });
    expect(recorder.requests.every(({ url }) => url.includes('dc=dc1'))).toBe(true);
    const { length } = recorder.requests;
    recorder.answer = ({ url }) => (url.startsWith('/v1/session') ? { status: 200, text: '{"ID":"x"}' } : undefined);
    const { one: enterprise } = shared.pair({ hosts: recorder.url, namespace: 'team', partition: 'east' });
    await expect(enterprise.list(call())).rejects.toMatchObject({
      code: 'STORE_FAILED',
      retryable: false,
      message: expect.stringMatching(/Consul Enterprise feature/),
    });
    busy(await enterprise.lock(lockOf('a'), call()));
    const later = recorder.requests.slice(length);
    expect(later.every(({ url }) => url.includes('ns=team') && url.includes('partition=east'))).toBe(true);
    const operations = later.filter(({ url }) => url.startsWith('/v1/txn'));
    expect(operations[0]?.body).toMatch(/"Namespace":"team","Partition":"east"/);
  });
});
