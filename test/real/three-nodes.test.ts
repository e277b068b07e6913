import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { runCommand, spawnCommand, startConsul, startEtcd, startKubernetes } from '../servers/harness/index.ts';
import { serverSuite } from '../servers/harness/suite.ts';

const MAIN = fileURLToPath(new URL('../../examples/three-nodes/main.mjs', import.meta.url));
const run = (...args: readonly string[]) => runCommand(process.execPath, [MAIN, ...args]);

const PROMISES = [
  /holds the formation lock/,
  /creates the cluster/,
  /joins through node-\d/,
  /is formed as creator of cluster/,
  /is killed with SIGKILL/,
  /does not see node-\d any more/,
  /answers http:\S+\/health and/,
  /health failing: .*2 run/,
  // Where a lease ends late, it comes back before whoever cleans up has looked.
  /cleanup: keeps node-\d \(grace\)[^]*removed by cleanup .*\(bound|cleanup would remove node-\d within/,
  /comes back as a new instance/,
  /health ok: 3 members/,
  /killed: the others see it go .*\(bound/,
  /ended with status 0/,
  /Everything was as promised/,
];

async function keepsItsPromises(...args: readonly string[]): Promise<void> {
  const { stdout, stderr, exitCode } = await run(...args);
  expect(stderr).toBe('');
  for (const promise of PROMISES) expect(stdout).toMatch(promise);
  expect(exitCode).toBe(0);
}

serverSuite(['etcd', 'consul', 'kube-apiserver'], 'the example with three nodes', () => {
  it.concurrent('keeps its promises on the embedded store', () => keepsItsPromises());

  it.concurrent('keeps its promises on etcd', async () => {
    const etcd = await startEtcd();
    try {
      await keepsItsPromises('--store', etcd.endpoint.replace('http:', 'etcd:'));
    } finally {
      await etcd.stop();
    }
  });

  it.concurrent('keeps its promises on Consul', async () => {
    const consul = await startConsul();
    try {
      await keepsItsPromises('--store', consul.httpAddress.replace('http:', 'consul:'));
    } finally {
      await consul.stop();
    }
  });

  it.concurrent('keeps its promises on Kubernetes', async () => {
    const kubernetes = await startKubernetes();
    try {
      await keepsItsPromises('--store', `kubernetes:${kubernetes.kubeconfig}`);
    } finally {
      await kubernetes.stop();
    }
  });

  it.concurrent('tells everything as lines of JSON, also of a single node', async () => {
    const { stdout, exitCode } = await run('--nodes', '1', '--json');
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.at(-1)).toMatchObject({ ok: true, nodes: 1 });
    expect(exitCode).toBe(0);
  });

  it.concurrent('stops every process at Ctrl-C', async () => {
    const example = spawnCommand(process.execPath, [MAIN, '--keep']);
    await example.seen(/running until Ctrl-C/, 30_000);
    example.kill('SIGINT');
    const { stdout, exitCode } = await example.exited;
    expect(stdout.match(/ended with status 0/g)).toHaveLength(3);
    expect(exitCode).toBe(0);
  });

  it.concurrent.each([
    ['--unknown'],
    ['--nodes', '51'],
    ['--ttl', '50'],
    ['--ttl', '1999', '--store', 'etcd://x:1'],
    ['--ttl', '9999', '--store', 'consul://x:1'],
  ])('refuses %s %s', async (...args) => {
    const { stderr, exitCode } = await run(...args.filter((arg) => arg !== undefined));
    expect(stderr).toMatch(/Usage:/);
    expect(exitCode).toBe(2);
  });
});
