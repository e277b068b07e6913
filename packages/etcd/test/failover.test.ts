import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '@autocluster/core/runtime';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type EtcdCluster,
  type EtcdMember,
  faultProxy,
  startEtcdCluster,
  until,
} from '../../../test/servers/harness/index.js';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import { EtcdBackend } from '../src/backend.js';
import { type EtcdHost, parseOptions } from '../src/config.js';
import { CallFailure } from '../src/errors.js';
import { Etcd3Transport } from '../src/etcd3-transport.js';
import type { Call, Lease } from '../src/transport.js';
import { call, failure, freshCluster, held, lockOf, recordOf, registered, registration, Servers } from './support.js';

const DEAD = 'http://127.0.0.1:1';

/** A member that says at once that it is well, and then does nothing, as one whose disk stands still. */
class Stalled extends Etcd3Transport {
  override async probe(): Promise<void> {}

  override async grantLease(_: number, { timeoutMs }: Call): Promise<Lease> {
    await delay(timeoutMs);
    throw new CallFailure('deadline', `Deadline exceeded after ${timeoutMs} ms`, 'stalled');
  }
}

/** A member without a vote that is nearer than the others: it takes part in no write. */
class Learner extends Etcd3Transport {
  override async probe(): Promise<void> {}

  override async grantLease(): Promise<Lease> {
    throw new CallFailure('no-leader', 'etcdserver: rpc not supported for learner', 'learner');
  }
}

serverSuite(['etcd', 'etcdctl'], 'etcd: several endpoints', () => {
  const servers = new Servers();
  let cluster: EtcdCluster | undefined;
  const store = (): EtcdCluster => {
    if (cluster === undefined) throw new Error('the cluster is not started yet');
    return cluster;
  };
  const follower = async (): Promise<EtcdMember> => {
    const leader = await store().leader();
    const found = store().members.find((member) => member !== leader);
    if (found === undefined) throw new Error('no follower');
    return found;
  };
  const backend = (hosts: readonly string[] = store().endpoints, name = freshCluster()) =>
    servers.backend({ cluster: name, hosts, connectTimeoutMs: 1000 });

  beforeAll(async () => {
    cluster = await startEtcdCluster(3);
  });
  afterAll(async () => {
    await servers.end();
    await cluster?.stop();
  });

  test('S71, S73: endpoints that refuse or hang do not hold up the first exchange', async () => {
    const hanging = servers.keep(await faultProxy(store().endpoint));
    hanging.pause();
    const began = systemClock.monotonicMs();
    const one = backend([DEAD, hanging.endpoint, ...store().endpoints]);
    registered(await one.register(registration('n'), call()));
    expect(systemClock.monotonicMs() - began).toBeLessThan(900);
  });

  test('nobody there is STORE_UNREACHABLE, names the endpoints, and comes soon', async () => {
    const hanging = servers.keep(await faultProxy(store().endpoint));
    hanging.pause();
    const refused = backend([DEAD]);
    const errors = [
      await failure(refused.list(call())),
      await failure(refused.register(registration('n'), call())),
      await failure(refused.lock(lockOf('n'), call())),
    ];
    for (const error of errors) {
      expect(error).toMatchObject({ code: 'STORE_UNREACHABLE', retryable: true, outcomeUnknown: false });
    }
    const error = await failure(backend([DEAD, hanging.endpoint]).lock(lockOf('n'), call()));
    expect(error).toMatchObject({ code: 'STORE_UNREACHABLE', outcomeUnknown: false });
    expect(error.message).toContain('127.0.0.1:1');
    expect(error.message).toContain(`127.0.0.1:${hanging.port}: no answer within 1000 ms`);
  });

  test('a host name that does not exist is STORE_UNREACHABLE', async () => {
    const error = await failure(backend(['http://no-such-host.invalid:2379']).list(call()));
    expect(error).toMatchObject({ code: 'STORE_UNREACHABLE', retryable: true });
  });

  test('an endpoint that goes away is replaced inside the exchange', async () => {
    const name = freshCluster();
    const proxy = servers.keep(await faultProxy((await follower()).endpoint));
    const one = backend([proxy.endpoint], name);
    const both = backend([proxy.endpoint, ...store().endpoints], name);
    await Promise.all([one.list(call()), both.list(call())]);
    const first = registered(await both.register(registration('n'), call()));
    proxy.refuse();
    proxy.cut();
    const renewed = await both.register({ ...registration('n'), held: first }, call());
    expect(registered(renewed).ref).toBe(first.ref);
    held(await both.lock(lockOf('n'), call()));
    expect((await failure(one.list(call()))).code).toBe('STORE_UNREACHABLE');
    await proxy.accept();
    expect((await one.list(call())).members).toHaveLength(1);
  });

  test('a read leaves a member that hangs in time for another one', async () => {
    const [first, ...others] = store().endpoints;
    const hanging = servers.keep(await faultProxy(first ?? ''));
    const slow = await Promise.all(others.map(async (each) => servers.keep(await faultProxy(each))));
    for (const each of slow) each.delayMs = 100;
    const one = backend([hanging.endpoint, ...slow.map(({ endpoint }) => endpoint)]);
    await one.list(call());
    expect(hanging.open()).toBeGreaterThan(0);
    hanging.pause();
    expect((await one.list(call({ timeoutMs: 2000 }))).complete).toBe(true);
  });

  /** A backend whose first endpoint is of another kind than it seems. */
  const deceived = (Deceiver: typeof Etcd3Transport): EtcdBackend => {
    const config = parseOptions({ cluster: freshCluster(), hosts: store().endpoints });
    const connect = (host: EtcdHost) => new (host === config.hosts[0] ? Deceiver : Etcd3Transport)(host, config.tls);
    return servers.keep(new EtcdBackend(config, connect));
  };

  test('a member that answers probes, and nothing else, is not asked again while another one answers', async () => {
    const one = deceived(Stalled);
    const request = lockOf('n');
    expect((await failure(one.lock(request, call({ timeoutMs: 300 })))).code).toBe('TIMEOUT');
    held(await one.lock(request, call({ timeoutMs: 2000 })));
  });

  test('the only endpoint has all the time for connecting also after it failed', async () => {
    const hanging = servers.keep(await faultProxy(store().endpoint));
    const one = backend([hanging.endpoint]);
    await one.list(call());
    hanging.pause();
    hanging.cut();
    const error = await until('the connection is missed', async () => {
      const each = await failure(one.list(call()));
      return each.code === 'STORE_UNREACHABLE' && each;
    });
    expect(error.message).toContain('no answer within 1000 ms');
  });

  test('a member without a vote is left for one that has one inside the exchange', async () => {
    held(await deceived(Learner).lock(lockOf('n'), call()));
  });

  test('a lock, a commit and a registration survive a change of the leader', { timeout: 40_000 }, async () => {
    const name = freshCluster();
    const one = backend(store().endpoints, name);
    const first = registered(await one.register(registration('n'), call()));
    const request = lockOf('n');
    const grant = held(await one.lock(request, call()));
    const leader = await store().leader();
    await leader.kill();
    const renewed = await until('a renewal', () => one.lock({ ...request, held: grant }, call({ timeoutMs: 2000 })));
    expect(held(renewed).token).toBe(grant.token);
    const kept = await until('a renewal', () =>
      one.register({ ...registration('n'), held: first }, call({ timeoutMs: 2000 })),
    );
    expect(registered(kept).ref).toBe(first.ref);
    const record = recordOf(grant);
    expect(await one.unlock(grant, { ...call(), record })).toEqual({ kind: 'released' });
    const next = held(await one.lock(lockOf('m'), call()));
    expect(next.token).toBeGreaterThan(grant.token);
    await leader.restart();
    await store().leader();
  });

  test('W5: without a majority reads and watches fail instead of answering the past', { timeout: 40_000 }, async () => {
    const last = await follower();
    const one = backend([last.endpoint]);
    await one.list(call());
    const watch = one.watch?.(call())[Symbol.asyncIterator]();
    const next = failure(watch?.next() ?? Promise.resolve());
    const others = store().members.filter((member) => member !== last);
    await Promise.all(others.map((member) => member.kill()));
    expect((await next).code).toBe('STORE_UNREACHABLE');
    const error = await failure(one.list(call({ timeoutMs: 1000 })));
    expect(['STORE_UNREACHABLE', 'TIMEOUT']).toContain(error.code);
    await Promise.all(others.map((member) => member.restart()));
    await until('the store is back', () => one.list(call({ timeoutMs: 1000 })), { withinMs: 20_000 });
  });
});
