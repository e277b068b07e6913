import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { serverSuite } from '../servers/harness/suite.ts';
import { type NodeSpec, oneCluster, type RabbitNode, statusOf } from './rabbitmq/fleet.ts';
import { fleetOnEtcd } from './rabbitmq/suite.ts';

vi.setConfig({ testTimeout: 240_000 });

describe('a RabbitMQ node', () => {
  serverSuite(['rabbitmq', 'etcd'], 'whose database is in touch with others and has no data', () => {
    const on = fleetOnEtcd();

    const specOf = (name: string, cluster = 'halfway') => {
      const store = { kind: 'etcd', cluster, hosts: on.etcd.endpoint } as const;
      return { name, store, options: { ttlMs: 15_000 } };
    };

    /** A node that waits before it opens its database, which is in touch with those of the members already. */
    async function halfwayNode(members: readonly RabbitNode[], spec: NodeSpec, meanwhile: (node: RabbitNode) => void) {
      const node = await on.fleet.place(spec);
      on.etcd.pause();
      node.start();
      await node.until('waits for its store', () => node.state('waiting'));
      const others = members.map(({ nodename }) => `'${nodename}'`).join(', ');
      const link = `{ok, [_ | _]} = mnesia:change_config(extra_db_nodes, [${others}]).`;
      expect((await node.rabbitmqctl(['eval', link])).exitCode).toBe(0);
      const [first = node] = members;
      expect((await statusOf(first)).members).toContain(node.nodename);
      meanwhile(node);
      on.etcd.resume();
      await node.serves();
      return node;
    }

    it('S84: joins, whether an earlier join of it was interrupted or it was never told to', async () => {
      const first = await on.fleet.start(specOf('rabbit1'));
      await Promise.all(first.map((each) => each.serves()));
      const second = await halfwayNode(first, specOf('rabbit2'), (node) =>
        writeFileSync(join(node.folder, 'mnesia', `${node.nodename}.autocluster.json`), '{"joining":true}'),
      );
      const third = await halfwayNode([...first, second], specOf('rabbit3'), () => undefined);
      expect(await oneCluster([...first, second, third])).toBe(true);
    });

    it('is alone in the cluster that it creates, and writes nothing into that of the others', async () => {
      const [first] = await on.fleet.start(specOf('rabbit4', 'theirs'));
      if (!first) return expect.fail('no node');
      await first.serves();
      const named = async () => {
        const { stdout } = await first.rabbitmqctl(['eval', 'rabbit_runtime_parameters:value_global(autocluster).']);
        const text = JSON.parse(`"${/^<<"(.*)">>$/s.exec(stdout.trim())?.[1] ?? expect.fail(stdout)}"`) as string;
        const { record, ...rest } = JSON.parse(text) as { readonly record: string };
        // The first counts whoever is in its database: its record may grow by one meanwhile, and by nothing else.
        const { version, size, token: _, ...kept } = JSON.parse(record) as Record<string, unknown>;
        expect([
          [1, 1],
          [2, 2],
        ]).toContainEqual([version, size]);
        return { ...rest, ...kept };
      };
      const before = await named();
      const node = await halfwayNode([first], specOf('rabbit5', 'its-own'), () => undefined);
      expect(node.state('formed')?.data['role']).toBe('creator');
      expect((await statusOf(node)).members).toEqual([node.nodename]);
      expect(await named()).toEqual(before);
    });
  });
});
