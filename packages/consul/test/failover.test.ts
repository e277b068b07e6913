import { systemClock } from '@autocluster/core/runtime';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type ConsulCluster,
  type ConsulServer,
  faultProxy,
  startConsulCluster,
  until,
} from '../../../test/servers/harness/index.js';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import { call, failure, freshCluster, held, lockOf, recordOf, registered, registration, Servers } from './support.js';

const DEAD = 'http://127.0.0.1:1';

serverSuite(['consul'], 'consul: several agents', () => {
  const servers = new Servers();
  let cluster: ConsulCluster | undefined;
  const store = (): ConsulCluster => {
    if (cluster === undefined) throw new Error('the cluster is not started yet');
    return cluster;
  };
  const follower = async (): Promise<ConsulServer> => {
    const leader = await store().leader();
    const found = store().members.find((member) => member !== leader);
    if (found === undefined) throw new Error('no follower');
    return found;
  };
  const backend = (hosts: readonly string[] = store().httpAddresses, name = freshCluster()) =>
    servers.backend({ cluster: name, hosts, connectTimeoutMs: 700 });

  beforeAll(async () => {
    cluster = await startConsulCluster(3);
  });
  afterAll(async () => {
    await servers.end();
    await cluster?.stop();
  });

  describe('S71: endpoints', () => {
    test('agents that refuse or hang are passed over inside the first exchange', async () => {
      const hanging = servers.keep(await faultProxy(store().httpAddress));
      hanging.pause();
      const began = systemClock.monotonicMs();
      const one = backend([DEAD, hanging.endpoint, ...store().httpAddresses]);
      registered(await one.register(registration('n'), call()));
      expect(systemClock.monotonicMs() - began).toBeLessThan(2500);
    });

    test('the first of the list is used while it answers, so that a service stays with its agent', async () => {
      const name = freshCluster();
      const [first, second] = store().members;
      const one = backend([second?.httpAddress ?? '', first?.httpAddress ?? ''], name);
      registered(await one.register(registration('n'), call()));
      expect(await agentsOf(name)).toEqual([second?.name]);
    });

    test('nobody there is STORE_UNREACHABLE, names the agents, and comes soon', async () => {
      const hanging = servers.keep(await faultProxy(store().httpAddress));
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
      expect(error.message).toContain(`127.0.0.1:${hanging.port}: no answer within 700 ms`);
    });

    test('a host name that does not exist, and a socket that is not there, are STORE_UNREACHABLE', async () => {
      for (const host of ['http://no-such-host.invalid:8500', 'unix:///no/such/consul.sock']) {
        const error = await failure(backend([host]).list(call()));
        expect(error).toMatchObject({ code: 'STORE_UNREACHABLE', retryable: true });
      }
    });

    test('an agent that goes away is replaced inside the exchange; the service moves, entry and session stay', async () => {
      const name = freshCluster();
      const [first, second] = store().members;
      const proxy = servers.keep(await faultProxy(first?.httpAddress ?? ''));
      const one = backend([proxy.endpoint], name);
      const both = backend([proxy.endpoint, second?.httpAddress ?? ''], name);
      await one.list(call());
      const made = registered(await both.register(registration('n'), call()));
      expect(await agentsOf(name)).toEqual([first?.name]);
      proxy.refuse();
      proxy.cut();
      const renewed = registered(await both.register({ ...registration('n'), held: made }, call()));
      expect(renewed).toEqual(made);
      expect(await agentsOf(name)).toEqual([first?.name, second?.name]);
      expect((await both.list(call())).members).toHaveLength(1);
      held(await both.lock(lockOf('n'), call()));
      expect((await failure(one.list(call()))).code).toBe('STORE_UNREACHABLE');
      await proxy.accept();
      expect((await one.list(call())).members).toHaveLength(1);
    });

    test('a read leaves an agent that hangs in time for another one', async () => {
      const [first, ...others] = store().httpAddresses;
      const hanging = servers.keep(await faultProxy(first ?? ''));
      const one = backend([hanging.endpoint, ...others]);
      await one.list(call());
      expect(hanging.open()).toBeGreaterThan(0);
      hanging.pause();
      expect((await one.list(call({ timeoutMs: 2000 }))).complete).toBe(true);
    });
  });

  test('S27: while a leader is elected, an attempt for the lock waits for it inside its time', {
    timeout: 60_000,
  }, async () => {
    const alive = await follower();
    const one = backend([alive.httpAddress]);
    const leader = await store().leader();
    await leader.kill();
    const began = systemClock.monotonicMs();
    const grant = await until('the lock', () => one.lock(lockOf('n'), call({ timeoutMs: 10_000 })), {
      withinMs: 20_000,
    });
    held(grant);
    expect(systemClock.monotonicMs() - began).toBeLessThan(15_000);
    await leader.restart();
    await store().leader();
  });

  test('a lock, a commit and a registration survive a change of the leader', { timeout: 60_000 }, async () => {
    const name = freshCluster();
    const leader = await store().leader();
    const others = store().members.filter((member) => member !== leader);
    const one = backend(
      [leader, ...others].map(({ httpAddress }) => httpAddress),
      name,
    );
    const first = registered(await one.register(registration('n', { ttlMs: 30_000 }), call()));
    const request = lockOf('n', { ttlMs: 30_000 });
    const grant = held(await one.lock(request, call()));
    await leader.kill();
    const slow = { withinMs: 30_000 };
    const renewed = await until('a renewal', () => one.lock({ ...request, held: grant }, call()), slow);
    expect(held(renewed).token).toBe(grant.token);
    const again = () => one.register({ ...registration('n', { ttlMs: 30_000 }), held: first }, call());
    expect(registered(await until('a renewal', again, slow)).ref).toBe(first.ref);
    const record = recordOf(grant);
    expect(await one.unlock(grant, { ...call(), record })).toEqual({ kind: 'released' });
    expect(held(await one.lock(lockOf('m'), call())).token).toBeGreaterThan(grant.token);
    await leader.restart();
    await store().leader();
  });

  test('without a majority reads and watches fail instead of answering the past', { timeout: 90_000 }, async () => {
    const last = await follower();
    const one = backend([last.httpAddress]);
    await one.register(registration('n'), call());
    await one.list(call());
    const others = store().members.filter((member) => member !== last);
    await Promise.all(others.map((member) => member.kill()));
    const error = await until('the leader is missed', () => failure(one.list(call({ timeoutMs: 3000 }))));
    expect(error.message).toMatch(/^(STORE_UNREACHABLE|TIMEOUT): /);
    await Promise.all(others.map((member) => member.restart()));
    await until('the store is back', () => one.list(call({ timeoutMs: 3000 })), { withinMs: 30_000 });
  });

  /** The agents with the service of this cluster, by name. */
  const agentsOf = async (name: string): Promise<readonly string[]> => {
    const answer = await fetch(`${store().plainAddress}/v1/catalog/service/autocluster?consistent&tag=${name}`);
    return ((await answer.json()) as { Node: string }[]).map(({ Node }) => Node).toSorted();
  };
});
