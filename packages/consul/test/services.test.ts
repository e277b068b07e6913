import { describe, expect, test } from 'vitest';
import { startConsul, until } from '../../../test/servers/harness/index.js';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import { statusOf } from './questions.js';
import { recording } from './recorder.js';
import { call, failure, registered, registration, sharedServer } from './support.js';

serverSuite(['consul'], 'consul: services', () => {
  const shared = sharedServer();
  const ready = (node: string) => registration(node, { state: 'ready', identity: { clusterId: 'x', generation: 3 } });

  describe.concurrent('what others see', () => {
    test('S70: the service has the exact id of the node, instance, state and cluster in its meta data', async () => {
      const { cluster, one } = shared.pair();
      const node = 'rabbit@host-1.example.org "ß`\\';
      registered(await one.register(ready(node), call()));
      const [instance, ...others] = await shared.consul.catalog(cluster);
      expect(others).toEqual([]);
      expect(instance?.Service).toMatchObject({
        Service: 'autocluster',
        Tags: [cluster],
        Meta: {
          'autocluster-cluster': cluster,
          'autocluster-node': node,
          'autocluster-instance': `${node}-1`,
          'autocluster-state': 'ready',
          'autocluster-cluster-id': 'x',
          'autocluster-generation': '3',
        },
      });
      expect((await one.list(call())).members.map((member) => member.node)).toEqual([node]);
    });

    test('two checks: alive passes from the start, ready only when the member is; the page of the UI shows both', async () => {
      const { cluster, one } = shared.pair();
      const first = registered(await one.register(registration('n'), call()));
      const [joining] = await shared.consul.catalog(cluster);
      expect([statusOf(joining, 'alive'), statusOf(joining, 'ready')]).toEqual(['passing', 'critical']);
      registered(await one.register({ ...ready('n'), held: first }, call()));
      const [instance] = await shared.consul.catalog(cluster);
      expect([statusOf(instance, 'alive'), statusOf(instance, 'ready')]).toEqual(['passing', 'passing']);
      const texts = instance?.Checks.map(({ Name, Output, Notes }) => `${Name}: ${Output} ${Notes}`).join('\n');
      expect(texts).toMatch(/^alive: instance n-1 Passes while/m);
      expect(texts).toMatch(/^ready: ready Passes while/m);
    });

    test('S72: a member that is not ready any more is listed, and offered to nobody', async () => {
      const { cluster, one, two } = shared.pair();
      const first = registered(await one.register(ready('n'), call()));
      registered(await one.register({ ...ready('n'), state: 'joining', held: first }, call()));
      const [instance] = await shared.consul.catalog(cluster);
      expect(statusOf(instance, 'ready')).toBe('critical');
      expect((await two.list(call())).members.map(({ state }) => state)).toEqual(['joining']);
    });

    test('a 404 of a proxy is not taken for a service that is gone, nor for an id that is free', async () => {
      const recorder = shared.keep(await recording(shared.server.httpAddress));
      const { cluster, one } = shared.pair({ hosts: recorder.url });
      const first = registered(await one.register(ready('n'), call()));
      recorder.answer = ({ url }) =>
        url.includes('/agent/service/') ? { status: 404, text: 'default backend - 404' } : undefined;
      expect((await failure(one.unregister(first, call()))).code).toBe('STORE_FAILED');
      expect((await failure(one.register(ready('m'), call()))).code).toBe('STORE_FAILED');
      recorder.answer = () => undefined;
      await one.unregister(first, call());
      await until('the service is gone', async () => (await shared.consul.catalog(cluster)).length === 0);
    });

    test('every option of the service has its effect', async () => {
      const options = { service: 'daemons', serviceId: 'mine:1', address: '10.1.2.3', port: 5672 };
      const more = { tags: ['blue', 'eu'], meta: { team: 'a' } };
      const { cluster, one } = shared.pair({ ...options, ...more });
      registered(await one.register(ready('n'), call()));
      const [instance] = await shared.consul.catalog(cluster, 'daemons');
      expect(instance?.Service).toMatchObject({
        ID: 'mine:1',
        Service: 'daemons',
        Address: '10.1.2.3',
        Port: 5672,
        Tags: [cluster, 'blue', 'eu'],
        Meta: { team: 'a', 'autocluster-node': 'n' },
      });
    });

    test('S64: the address from the node keeps the whole name of its host', async () => {
      const { cluster, one } = shared.pair({ address: { from: 'node' } });
      registered(await one.register(ready('rabbit@host-1.example.org'), call()));
      expect((await shared.consul.catalog(cluster))[0]?.Service.Address).toBe('host-1.example.org');
    });
  });

  describe.concurrent('one agent for several', () => {
    test('S61: two nodes on one agent are two services', async () => {
      const { cluster, one, two } = shared.pair();
      await Promise.all([one.register(ready('a'), call()), two.register(ready('b'), call())]);
      const ids = (await shared.consul.catalog(cluster)).map(({ Service }) => Service.ID);
      expect(ids.toSorted()).toEqual([`autocluster-${cluster}-a`, `autocluster-${cluster}-b`]);
    });

    test('S61: names that differ in case only are two services, though Consul takes their letters for the same', async () => {
      const { cluster, one, two } = shared.pair();
      await Promise.all([one.register(ready('n'), call()), two.register(ready('N'), call())]);
      const nodes = (await shared.consul.catalog(cluster)).map(({ Service }) => Service.Meta['autocluster-node']);
      expect(new Set(nodes)).toEqual(new Set(['N', 'n']));
    });

    test('S61: an id that is taken by another is refused, and the other stays', async () => {
      const { one, two } = shared.pair({ serviceId: 'the-same' });
      registered(await one.register(ready('a'), call()));
      const error = await failure(two.register(ready('b'), call()));
      expect(error).toMatchObject({ code: 'STORE_FAILED', retryable: false });
      expect(error.message).toMatch(/id the-same, of node a: set another serviceId/);
      await shared.consul.ask('PUT', '/agent/service/register', { ID: 'foreign', Name: 'web' });
      const { one: three } = shared.pair({ serviceId: 'foreign' });
      expect((await failure(three.register(ready('c'), call()))).message).toMatch(/of something else/);
      const { ['the-same']: kept } =
        (await shared.consul.ask<Record<string, { Meta: object }>>('GET', '/agent/services')) ?? {};
      expect(kept?.Meta).toMatchObject({ 'autocluster-node': 'a' });
    });
  });

  describe.concurrent('a service that is gone', () => {
    test.each([
      ['was deregistered', (id: string) => shared.consul.ask('PUT', `/agent/service/deregister/${id}`)],
      ['lost its alive check', (id: string) => shared.consul.ask('PUT', `/agent/check/deregister/${id}:alive`)],
      ['lost its ready check', (id: string) => shared.consul.ask('PUT', `/agent/check/deregister/${id}:ready`)],
    ])('S63: that %s is registered again by the next renewal', async (_, strike) => {
      const { cluster, one, two } = shared.pair();
      const first = registered(await one.register(ready('n'), call()));
      await strike(`autocluster-${cluster}-n`);
      expect((await two.list(call())).members).toHaveLength(1);
      expect(registered(await one.register({ ...ready('n'), held: first }, call())).ref).toBe(first.ref);
      const [instance] = await shared.consul.catalog(cluster);
      expect([statusOf(instance, 'alive'), statusOf(instance, 'ready')]).toEqual(['passing', 'passing']);
    });
  });

  test.concurrent('S62: an agent that comes back with an empty state gets everything again, from the same instance', {
    timeout: 60_000,
  }, async () => {
    const own = await startConsul();
    try {
      const { one } = shared.pair({ hosts: own.httpAddress, cluster: 'c' });
      const first = registered(await one.register(ready('n'), call()));
      const before = await one.list(call());
      await own.restart();
      const again = await until('a renewal', () => one.register({ ...ready('n'), held: first }, call()));
      expect(registered(again)).toMatchObject({ instance: 'n-1', state: 'ready' });
      const after = await one.list(call());
      expect(after.members).toHaveLength(1);
      // It is another store, and is seen to be one.
      expect(after.store).not.toBe(before.store);
      const { 'autocluster-c-n': service } = await fetch(`${own.plainAddress}/v1/agent/services`).then(
        (answer) => answer.json() as Promise<Record<string, object>>,
      );
      expect(service).toMatchObject({ Meta: { 'autocluster-state': 'ready' } });
      await one.close();
    } finally {
      await own.stop();
    }
  });

  test.concurrent('S45, S46: the service of a dead member turns critical and is reaped; a survivor keeps its own', {
    timeout: 180_000,
  }, async () => {
    const { cluster, one, two } = shared.pair();
    const { one: patient } = shared.pair({ cluster, deregisterAfterMs: 600_000 });
    registered(await one.register(ready('dead'), call()));
    registered(await patient.register(ready('dead-too'), call()));
    let survivor = registered(await two.register(ready('survivor'), call()));
    const shown = async () =>
      (await shared.consul.catalog(cluster))
        .map((each) => `${each.Service.Meta['autocluster-node']} ${statusOf(each, 'alive')}`)
        .toSorted();
    const renewing = <T>(what: string, look: () => Promise<T>) => {
      const renewed = async () => {
        survivor = registered(await two.register({ ...ready('survivor'), held: survivor }, call()));
        return look();
      };
      return until(what, renewed, { withinMs: 150_000, everyMs: 2000 });
    };
    await renewing('the dead one is critical', async () => (await shown()).includes('dead critical'));
    await renewing('the dead ones are not listed', async () => (await two.list(call())).members.length === 1);
    await renewing('the dead one is reaped', async () => (await shown()).length === 2);
    expect(await shown()).toEqual(['dead-too critical', 'survivor passing']);
    expect(await shared.consul.sessionsOf(cluster)).toHaveLength(1);
  });
});
