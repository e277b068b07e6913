import { rm } from 'node:fs/promises';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Certificates,
  type EtcdCluster,
  type EtcdServer,
  faultProxy,
  freePorts,
  makeCertificates,
  makeFolder,
  nothingLeftOf,
  onFreePorts,
  PortTakenError,
  processesOf,
  removeFolder,
  spawnCommand,
  startEtcd,
  startEtcdCluster,
  sumOf,
  until,
} from './harness/index.ts';
import { serverSuite } from './harness/suite.ts';

const soon = () => ({ signal: AbortSignal.timeout(1500) });
const keptLog = (error: unknown) => /log: (\S+)/.exec(String(error))?.[1] ?? '';

async function takenPort() {
  const [port = 0] = await freePorts(1);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return { port, free: () => server.close() };
}

const failureOf = async (start: Promise<unknown>) =>
  start.then(
    () => expect.fail('has started'),
    (error: unknown) => error,
  );

serverSuite(['etcd', 'etcdctl'], 'one etcd', () => {
  let etcd: EtcdServer;
  beforeAll(async () => {
    etcd = await startEtcd();
  });
  afterAll(() => etcd.stop());

  it('answers', async () => {
    expect(await etcd.etcdctl(['put', 'a', 'b'])).toMatchObject({ stdout: 'OK\n', exitCode: 0 });
    expect(await etcd.etcdctl(['get', 'a', '--print-value-only'])).toMatchObject({ stdout: 'b\n' });
  });

  it('counts', async () => {
    const metrics = await etcd.metrics();
    expect(metrics.get('etcd_server_has_leader')).toBe(1);
    expect(sumOf(metrics, 'grpc_server_handled_total', /grpc_method="Put"/)).toBeGreaterThan(0);
  });

  it('hands a lock from one etcdctl to the next', async () => {
    const holder = etcd.spawnEtcdctl(['lock', 'door']);
    await holder.seen(/door\//);
    const waiter = etcd.spawnEtcdctl(['lock', 'door', 'echo', 'inside']);
    await until('two in the queue', async () => {
      const { stdout } = await etcd.etcdctl(['get', 'door/', '--prefix', '--keys-only']);
      return stdout.match(/door\//g)?.length === 2;
    });
    expect(waiter.stdout()).toBe('');
    holder.kill('SIGINT');
    expect(await waiter.exited).toMatchObject({ stdout: 'inside\n', exitCode: 0 });
    await holder.exited;
  });

  it('keeps its data, ports and folder over a restart and a kill', async () => {
    await etcd.etcdctl(['put', 'kept', 'yes']);
    const { pid, endpoint } = etcd;
    await etcd.restart();
    expect(etcd.pid).not.toBe(pid);
    await etcd.kill();
    expect(etcd.running()).toBe(false);
    await etcd.restart();
    expect(etcd.endpoint).toBe(endpoint);
    expect(await etcd.etcdctl(['get', 'kept', '--print-value-only'])).toMatchObject({ stdout: 'yes\n' });
  });

  it('does not answer while it is paused', async () => {
    etcd.pause();
    expect(await etcd.etcdctl(['get', 'a'], soon())).toMatchObject({ exitCode: null });
    etcd.resume();
    expect(await etcd.etcdctl(['get', 'a'])).toMatchObject({ exitCode: 0 });
  });

  it('is reached through a proxy that can lose the reply', async () => {
    const proxy = await faultProxy(etcd.endpoint);
    const through = (args: readonly string[]) => etcd.etcdctl(args, { ...soon(), endpoints: [proxy.endpoint] });
    expect(await through(['put', 'proxy', 'whole'])).toMatchObject({ exitCode: 0 });
    proxy.dropReplies();
    expect(await through(['put', 'proxy', 'unanswered'])).toMatchObject({ exitCode: null });
    proxy.passReplies();
    proxy.refuse();
    expect(await through(['get', 'proxy', '--dial-timeout=500ms'])).not.toMatchObject({ exitCode: 0 });
    await proxy.accept();
    expect(await through(['get', 'proxy'])).toMatchObject({ exitCode: 0 });
    expect(proxy.counters.droppedBytes).toBeGreaterThan(0);
    await proxy.close();
  });

  it('leaves nothing', async () => {
    await etcd.stop();
    await nothingLeftOf(etcd);
  });
});

serverSuite(['etcd', 'etcdctl'], 'etcd with certificates and users', () => {
  let etcd: EtcdServer;
  let certificates: Certificates;
  beforeAll(async () => {
    certificates = await makeCertificates(makeFolder('certificates'));
    const users = [{ name: 'reader', password: 'r', prefix: '/mine/' }];
    etcd = await startEtcd({ tls: { certificates }, auth: { rootPassword: 'secret', users }, authTokenTtlSeconds: 5 });
  });
  afterAll(async () => {
    await etcd.stop();
    await removeFolder(certificates.folder);
  });

  const withPair = (name: 'expiredClient' | 'wrongCaClient') => {
    const { certFile, keyFile } = certificates[name];
    return etcd.etcdctl([`--cert=${certFile}`, `--key=${keyFile}`, '--command-timeout=1s', 'get', 'a']);
  };

  it('lets in whom it should', async () => {
    expect(etcd.endpoint).toMatch(/^https:/);
    expect(await etcd.etcdctl(['put', 'a', 'b'])).toMatchObject({ stdout: 'OK\n' });
    expect(await etcd.etcdctl(['--user=reader:r', 'put', '/mine/a', 'b'])).toMatchObject({ stdout: 'OK\n' });
  });

  it('refuses the others', async () => {
    const [other, password, expired, wrong] = await Promise.all([
      etcd.etcdctl(['--user=reader:r', 'put', '/other', 'b']),
      etcd.etcdctl(['--user=reader:wrong', 'get', '/mine/a']),
      withPair('expiredClient'),
      withPair('wrongCaClient'),
    ]);
    expect(other.stderr).toMatch(/permission denied/);
    expect(password.stderr).toMatch(/authentication failed/);
    expect(expired.exitCode).not.toBe(0);
    expect(wrong.exitCode).not.toBe(0);
  });

  it('can show an expired certificate', async () => {
    const expired = await startEtcd({ tls: { certificates, serverPair: certificates.expiredServer } });
    const result = await expired.etcdctl(['--command-timeout=1s', 'get', 'a']);
    await expired.stop();
    expect(result.stderr).toMatch(/certificate has expired/);
  });
});

serverSuite(['etcd', 'etcdctl'], 'three etcd members', () => {
  let cluster: EtcdCluster;
  beforeAll(async () => {
    cluster = await startEtcdCluster(3, { heartbeatMs: 50, electionMs: 500 });
  });
  afterAll(() => cluster.stop());

  it('have one leader, and another when it dies', async () => {
    const first = await cluster.leader();
    await cluster.etcdctl(['put', 'a', 'b']);
    await first.kill();
    const second = await cluster.leader();
    expect(second.name).not.toBe(first.name);
    await first.restart();
    expect(await first.etcdctl(['get', 'a', '--print-value-only'])).toMatchObject({ stdout: 'b\n' });
  });

  it('leave nothing', async () => {
    await cluster.stop();
    await Promise.all(cluster.members.map((member) => nothingLeftOf(member)));
  });
});

serverSuite(['etcd'], 'an etcd that cannot start', () => {
  it('keeps its log, and nothing else', async () => {
    const error = await failureOf(startEtcd({ extraArgs: ['--no-such-option'] }));
    const log = keptLog(error);
    expect(readFileSync(log, 'utf8')).toMatch(/no-such-option/);
    expect(readdirSync(dirname(log))).toEqual(['etcd1.log']);
    expect(processesOf(dirname(log))).toEqual([]);
    await rm(dirname(log), { recursive: true });
  });

  it('says that its port is taken', async () => {
    const taken = await takenPort();
    const error = await failureOf(startEtcd({ ports: [taken.port, ...(await freePorts(2))] }));
    taken.free();
    expect(error).toBeInstanceOf(PortTakenError);
    await rm(dirname(keptLog(error)), { recursive: true });
  });

  it('is started again on other ports when somebody took one', async () => {
    const taken = await takenPort();
    const offers = [[taken.port, ...(await freePorts(2))], await freePorts(3)];
    const failures: unknown[] = [];
    const etcd = await onFreePorts(
      3,
      (ports) =>
        startEtcd({ ports }).catch((error: unknown) => {
          failures.push(error);
          throw error;
        }),
      { choose: async () => offers.shift() ?? [] },
    );
    taken.free();
    await etcd.stop();
    expect(failures).toHaveLength(1);
    expect(existsSync(keptLog(failures[0]))).toBe(false);
  });
});

serverSuite(['etcd'], 'a process that forgets its etcd', () => {
  const workspace = fileURLToPath(new URL('../..', import.meta.url));
  const program = fileURLToPath(new URL('programs/forgets-its-server.ts', import.meta.url));

  describe.each(['exit', 'SIGTERM', 'SIGKILL'] as const)('and ends by %s', (ending) => {
    it('takes it along', async () => {
      const parent = spawnCommand(process.execPath, ['--import', 'tsx', program, ending], { cwd: workspace });
      await parent.seen(/\}/, 20_000);
      const { pid, folder } = JSON.parse(parent.stdout()) as { pid: number; folder: string };
      if (ending !== 'exit') parent.kill(ending);
      await parent.exited;
      await until('the server has ended', () => !processesOf(folder).includes(pid));
      // After SIGKILL nobody is left to remove the folder.
      expect(existsSync(folder)).toBe(ending === 'SIGKILL');
      await rm(folder, { recursive: true, force: true });
    });
  });
});
