import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ConsulServer, freePorts, startConsul, until } from '../../../test/servers/harness/index.js';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import { requireServer } from '../../../test/servers/harness/lookup.js';
import { busy, call, freshCluster, held, lockOf, registered, registration, Servers } from './support.js';

/** What a DNS server answers to the question for SRV records: the ports of the answer's records, and their count. */
async function lookUp(port: number, name: string): Promise<readonly number[]> {
  const labels = name.split('.').flatMap((label) => [label.length, ...Buffer.from(label)]);
  const question = Buffer.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, 33, 0, 1]);
  const socket = createSocket('udp4');
  try {
    const answered = new Promise<Buffer>((resolve, reject) => {
      socket.once('message', resolve);
      socket.once('error', reject);
    });
    socket.send(question, port, '127.0.0.1');
    return portsIn(await answered, question.length);
  } finally {
    socket.close();
  }
}

/** The ports of all SRV records; names are pointers or labels. */
function portsIn(answer: Buffer, questionLength: number): readonly number[] {
  const count = answer.readUInt16BE(6);
  const ports: number[] = [];
  let at = questionLength;
  for (let record = 0; record < count; record += 1) {
    while (answer.readUInt8(at) > 0 && answer.readUInt8(at) < 0xc0) at += answer.readUInt8(at) + 1;
    at += answer.readUInt8(at) === 0 ? 1 : 2;
    const length = answer.readUInt16BE(at + 8);
    ports.push(answer.readUInt16BE(at + 14));
    at += 10 + length;
  }
  return ports.toSorted((a, b) => a - b);
}

serverSuite(['consul'], 'consul: what Consul users have', () => {
  const servers = new Servers();
  let consul: ConsulServer | undefined;
  let dnsPort = 0;
  const server = (): ConsulServer => {
    if (consul === undefined) throw new Error('not started yet');
    return consul;
  };
  const member = (cluster: string, port: number) =>
    servers.backend({ cluster, hosts: server().httpAddress, port, address: '127.0.0.1' });

  beforeAll(async () => {
    const ports = await freePorts(5);
    const [http = 0, https = 0, rpc = 0, gossip = 0, dns = 0] = ports;
    dnsPort = dns;
    const off = { https: -1, serf_wan: -1, grpc: -1, grpc_tls: -1 };
    consul = await startConsul({
      ports: [http, https, rpc, gossip],
      config: { ports: { http, server: rpc, serf_lan: gossip, dns, ...off } },
    });
  });
  afterAll(async () => {
    await servers.end();
    await consul?.stop();
  });

  describe.concurrent('DNS', () => {
    test('names exactly the ready members, by service and by cluster', async () => {
      const cluster = freshCluster();
      const name = `${cluster}.autocluster.service.consul`;
      const [one, two, three] = [member(cluster, 7001), member(cluster, 7002), member(cluster, 7003)];
      const ready = (node: string) => registration(node, { state: 'ready' });
      const first = registered(await one.register(ready('a'), call()));
      const second = registered(await two.register(ready('b'), call()));
      registered(await three.register(registration('c'), call()));
      expect(await lookUp(dnsPort, name)).toEqual([7001, 7002]);
      registered(await two.register({ ...registration('b'), held: second }, call()));
      expect(await lookUp(dnsPort, name)).toEqual([7001]);
      await one.unregister(first, call());
      expect(await lookUp(dnsPort, name)).toEqual([]);
    });
  });

  describe.concurrent('`consul lock`', () => {
    test('S26: an operator who holds formation keeps us out until the end', async () => {
      const cluster = freshCluster();
      const one = member(cluster, 7000);
      const operator = server().spawnConsul([
        'lock',
        `autocluster/${cluster}/locks/formation`,
        'echo inside; exec sleep 600',
      ]);
      await operator.seen(/inside/);
      const waiting = busy(await one.lock(lockOf('a'), call()));
      expect(waiting.holder).toBeUndefined();
      operator.kill('SIGINT');
      await waiting.released?.(new AbortController().signal);
      const tried = async () => {
        const outcome = await one.lock(lockOf('a'), call());
        return outcome.kind === 'held' && outcome;
      };
      held(await until('the lock', tried));
      await operator.exited;
    });

    test('S26: an operator waits for us, comes next, and takes away nothing of ours', async () => {
      const cluster = freshCluster();
      const one = member(cluster, 7000);
      registered(await one.register(registration('a'), call()));
      const grant = held(await one.lock(lockOf('a'), call()));
      const operator = server().spawnConsul([
        'lock',
        '-verbose',
        `autocluster/${cluster}/locks/formation`,
        'echo inside; exec sleep 600',
      ]);
      await operator.seen(/lock/i);
      held(await one.lock({ ...lockOf('a'), held: grant }, call()));
      expect(operator.stdout()).not.toMatch(/inside/);
      expect(await one.unlock(grant, call())).toEqual({ kind: 'released' });
      await operator.seen(/inside/);
      expect(busy(await one.lock(lockOf('a'), call())).holder).toBeUndefined();
      operator.kill('SIGINT');
      await operator.exited;
      expect((await one.list(call())).members).toHaveLength(1);
      const tried = async () => {
        const outcome = await one.lock(lockOf('a'), call());
        return outcome.kind === 'held' && outcome;
      };
      expect(held(await until('the lock', tried)).token).toBeGreaterThan(grant.token);
    });

    test('the command of the README holds formation until its input says so', async () => {
      const cluster = freshCluster();
      const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
      const [, args = ''] = /^consul (lock .*formation '.*?') /m.exec(readme) ?? [];
      expect(args).toContain('autocluster/orders/locks/formation');
      const line = `"${requireServer('consul')}" ${args.replace('orders', cluster)}`;
      const env = { ...process.env, CONSUL_HTTP_ADDR: server().httpAddress };
      const operator = spawn('sh', ['-c', `exec ${line}`], { env, stdio: ['pipe', 'ignore', 'ignore'] });
      const exited = once(operator, 'exit');
      const one = member(cluster, 7000);
      try {
        const refused = async () => {
          const outcome = await one.lock(lockOf('a'), call());
          if (outcome.kind === 'busy') return outcome;
          if (outcome.kind === 'held') await one.unlock(outcome.grant, call());
          return false;
        };
        await until('the operator has the lock', refused);
        operator.stdin.write('\n');
        expect(await exited).toEqual([0, null]);
        held(await one.lock(lockOf('a'), call()));
      } finally {
        operator.kill();
      }
    });
  });
});
