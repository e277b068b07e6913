import { describe, expect, test } from 'vitest';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import { busy, call, held, lockOf, recordOf, registered, registration, sharedServer } from './support.js';

interface Native {
  readonly id?: string;
  readonly address?: string;
  readonly meta?: Readonly<Record<string, string>>;
  readonly tags?: readonly string[];
  readonly status?: string;
}

serverSuite(['consul'], 'consul: the layout of RabbitMQ', () => {
  const shared = sharedServer();
  const pair = (changes = {}) => shared.pair({ layout: 'rabbitmq', ...changes });

  /** What RabbitMQ's own peer discovery asks of its agent. */
  const registerNative = ({ id = 'rabbitmq', address, meta, tags = [], status = 'passing' }: Native) =>
    shared.consul.ask('PUT', '/agent/service/register', {
      ID: id,
      Name: 'rabbitmq',
      ...(address === undefined ? {} : { Address: address }),
      Port: 5672,
      Tags: tags,
      ...(meta ? { Meta: meta } : {}),
      Check: { Notes: 'RabbitMQ', TTL: '60s', Status: status },
    });
  const acquire = async (cluster: string, session: string) =>
    shared.consul.ask('PUT', `/kv/rabbitmq/${cluster}/startup_lock?acquire=${session}`, '');
  const release = async (cluster: string, session: string) =>
    shared.consul.ask('PUT', `/kv/rabbitmq/${cluster}/startup_lock?release=${session}`, '');
  const session = async () =>
    (await shared.consul.ask<{ ID: string }>('PUT', '/session/create', { TTL: '30s' }))?.ID ?? '';

  describe.concurrent('members', () => {
    test('native nodes of this cluster are listed as ready, and ours by the name that RabbitMQ knows', async () => {
      const { cluster, one } = pair();
      await registerNative({ id: `rabbitmq:${cluster}`, address: `host-1.${cluster}`, tags: [cluster] });
      await registerNative({ id: `elsewhere:${cluster}`, address: 'host-2', tags: ['elsewhere'] });
      registered(await one.register(registration('rabbit@host-3', { state: 'ready' }), call()));
      const { members } = await one.list(call());
      expect(members.map(({ node, state }) => `${node} ${state}`)).toEqual([
        'rabbit@host-3 ready',
        'rabbit@host-1 ready',
      ]);
      const native = members.find(({ node }) => node === 'rabbit@host-1');
      expect(native).toMatchObject({ identity: undefined, instance: expect.stringMatching(/^index-\d+$/) });
      expect(native?.order).toBeLessThan(members[0]?.order ?? 0n);
      const ours = (await shared.consul.catalog(cluster, 'rabbitmq')).find(
        ({ Service }) => 'autocluster-node' in Service.Meta,
      );
      expect(ours?.Service.Meta).toMatchObject({ 'erlang-node-name': 'rabbit@host-3' });
    });

    test.each([
      [
        'S70: the name that is told',
        { address: 'host-1', meta: { 'erlang-node-name': 'bunny@told' } },
        {},
        'bunny@told',
      ],
      ['the address, short', { address: 'host-1.example.org' }, {}, 'rabbit@host-1'],
      ['an IP address, whole', { address: '10.0.0.1' }, {}, 'rabbit@10.0.0.1'],
      ['S64: the address, long', { address: 'host-1.example.org' }, { useLongname: true }, 'rabbit@host-1.example.org'],
      ["the agent's node", {}, {}, 'rabbit@consul1'],
      ["S64: the agent's node, long", {}, { useLongname: true }, 'rabbit@consul1.node.consul'],
      ["S64: the agent's node, in a domain", {}, { useLongname: true, domain: 'dc.org' }, 'rabbit@consul1.node.dc.org'],
    ])('%s', async (_, native, options, node) => {
      const { cluster, one } = pair(options);
      await registerNative({ ...native, id: `rabbitmq:${cluster}`, tags: [cluster] });
      expect((await one.list(call())).members.map((member) => member.node)).toEqual([node]);
    });

    test('S65: a native node whose check warns is a member only where that was chosen; a critical one never', async () => {
      const { cluster, one: strict } = pair();
      const { one: lenient } = pair({ cluster, includeWarnings: true });
      for (const status of ['passing', 'warning', 'critical']) {
        await registerNative({ id: `${status}:${cluster}`, address: status, tags: [cluster], status });
      }
      const names = async (backend: typeof strict) =>
        (await backend.list(call())).members.map(({ node }) => node).toSorted();
      expect(await names(strict)).toEqual(['rabbit@passing']);
      expect(await names(lenient)).toEqual(['rabbit@passing', 'rabbit@warning']);
      const { skipped } = await strict.list(call());
      expect(skipped.map(({ reason }) => reason)).toEqual(
        expect.arrayContaining([expect.stringMatching(/is critical$/), expect.stringMatching(/is warning$/)]),
      );
    });
  });

  test('natives of the cluster that RabbitMQ calls default have no tag', async () => {
    const { one } = pair({ cluster: 'default' });
    await registerNative({ id: 'rabbitmq', address: 'untagged' });
    expect((await one.list(call())).members.map(({ node }) => node)).toContain('rabbit@untagged');
  });

  describe.concurrent('the lock', () => {
    test('S26: a native holder keeps us out, and lets us in when it is done', async () => {
      const { cluster, one } = pair();
      const native = await session();
      expect(await acquire(cluster, native)).toBe(true);
      const waiting = busy(await one.lock(lockOf('a'), call()));
      expect(waiting.holder).toBeUndefined();
      const released = waiting.released?.(new AbortController().signal);
      expect(await release(cluster, native)).toBe(true);
      await released;
      held(await one.lock(lockOf('a'), call()));
    });

    test('we keep native nodes out, and leave the key that they then ask for', async () => {
      const { cluster, one } = pair();
      const native = await session();
      const grant = held(await one.lock(lockOf('a'), call()));
      expect(await acquire(cluster, native)).toBe(false);
      const record = recordOf(grant);
      expect(await one.unlock(grant, { ...call(), record })).toEqual({ kind: 'released' });
      expect(await shared.consul.keys(`rabbitmq/${cluster}/`)).toEqual([
        `rabbitmq/${cluster}/startup_lock`,
        `rabbitmq/${cluster}/state/record`,
      ]);
      expect(await acquire(cluster, native)).toBe(true);
      expect((await one.list(call())).record).toEqual({ kind: 'present', record });
    });

    test('only formation is theirs', async () => {
      const { cluster, one } = pair();
      held(await one.lock(lockOf('a', { name: 'cleanup' }), call()));
      expect(await shared.consul.keys(`rabbitmq/${cluster}/`)).toEqual([`rabbitmq/${cluster}/locks/cleanup/.lock`]);
    });
  });
});
