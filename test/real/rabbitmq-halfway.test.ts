import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type EtcdServer, startEtcd } from '../servers/harness/index.ts';
import { serverSuite } from '../servers/harness/suite.ts';
import { oneCluster, RabbitFleet, statusOf } from './rabbitmq/fleet.ts';

vi.setConfig({ testTimeout: 240_000 });

describe('a RabbitMQ node', () => {
  serverSuite(['rabbitmq', 'etcd'], 'whose database is in touch with others and has no data', () => {
    let etcd: EtcdServer;
    let fleet: RabbitFleet;

    beforeAll(async () => {
      etcd = await startEtcd();
      fleet = new RabbitFleet();
    });
    afterAll(async () => {
      await fleet.end();
      await etcd.stop();
    });

    it.each([
      ['after a join that was interrupted', 'rabbit2', true],
      ['and that was never told to join', 'rabbit3', false],
    ])('S84: %s joins', async (_when, name, interrupted) => {
      const store = { kind: 'etcd', cluster: 'halfway', hosts: etcd.endpoint } as const;
      const specOf = (each: string) => ({ name: each, store, options: { ttlMs: 15_000 } });
      const members = fleet.nodes.length > 0 ? [...fleet.nodes] : await fleet.start(specOf('rabbit1'));
      await Promise.all(members.map((each) => each.serves()));
      const node = await fleet.place(specOf(name));
      etcd.pause();
      node.start();
      // Held before it opens its database.
      await node.until('waits for its store', () => node.state('waiting'));
      const others = members.map(({ nodename }) => `'${nodename}'`).join(', ');
      const linked = await node.rabbitmqctl([
        'eval',
        `{ok, [_ | _]} = mnesia:change_config(extra_db_nodes, [${others}]).`,
      ]);
      expect(linked.exitCode).toBe(0);
      const [first] = members;
      expect((await statusOf(first ?? node)).members).toContain(node.nodename);
      const state = join(node.folder, 'mnesia', `${node.nodename}.autocluster.json`);
      if (interrupted) writeFileSync(state, '{"joining":true}', { mode: 0o600 });
      etcd.resume();
      await node.serves();
      expect(await oneCluster([...members, node])).toBe(true);
    });
  });
});
