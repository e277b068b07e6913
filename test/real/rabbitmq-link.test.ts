import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type EtcdServer, makeFolder, removeFolder, startEtcd } from '../servers/harness/index.ts';
import { serverSuite } from '../servers/harness/suite.ts';
import { allHealthy, RabbitFleet, type RabbitNode } from './rabbitmq/fleet.ts';

vi.setConfig({ testTimeout: 240_000 });

/** Ends the process in the broker that answers over the link, and answers how many there were. */
const CUT = `length([exit(Owner, kill) || Port <- erlang:ports(), erlang:port_info(Port, name) =:= {name, "tcp_inet"},
  {ok, {local, _}} <- [inet:peername(Port)], {connected, Owner} <- [erlang:port_info(Port, connected)]]).`;

const PATHS = (process.env['PATH'] ?? '').split(delimiter).filter((each) => !each.includes('node_modules'));

describe('a RabbitMQ node', () => {
  serverSuite(['rabbitmq', 'etcd'], 'that was started by us', () => {
    const folder = makeFolder('erl-call');
    const log = join(folder, 'calls');
    let etcd: EtcdServer;
    let fleet: RabbitFleet;
    /** How often `erl_call` was run. */
    const calls = () => readFileSync(log, 'utf8').split('\n').length - 1;

    beforeAll(async () => {
      etcd = await startEtcd();
      fleet = new RabbitFleet();
      writeFileSync(log, '');
      writeFileSync(
        join(folder, 'erl_call'),
        `#!/bin/sh\necho "$*" >> ${log}\nPATH=${PATHS.join(delimiter)} exec erl_call "$@"\n`,
      );
      chmodSync(join(folder, 'erl_call'), 0o755);
    });
    afterAll(async () => {
      await fleet.end();
      await etcd.stop();
      await removeFolder(folder);
    });

    const isAsked = async (node: RabbitNode) => {
      const before = calls();
      for (let count = 0; count < 3; count += 1) expect(await allHealthy([node])).toBe(true);
      return calls() - before;
    };

    it('asks its broker over a link, by commands where that is lost, and never stops asking', async () => {
      const store = { kind: 'etcd', cluster: 'linked', hosts: etcd.endpoint } as const;
      const env = { PATH: [folder, ...PATHS].join(delimiter) };
      const [node] = await fleet.start({ name: 'rabbit', store, env, options: { ttlMs: 15_000 } });
      if (!node) return expect.fail('no node');
      await node.serves();
      // One to prepare the VM, one to open the link.
      expect(calls()).toBe(2);
      expect(await isAsked(node)).toBe(0);
      expect((await node.rabbitmqctl(['eval', CUT])).stdout.trim()).toBe('1');
      expect(await isAsked(node)).toBeGreaterThanOrEqual(3);
      expect(node.state('formed')).toBe(node.last('state.changed'));
    });
  });
});
