import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePorts, makeFolder, removeFolder, until } from '../../../test/servers/harness/index.js';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import { freshCluster, sharedServer } from './support.js';

const MEMBER = fileURLToPath(new URL('../../../examples/kubernetes/member.mjs', import.meta.url));

serverSuite(['kube-apiserver', 'etcd'], 'kubernetes: the program of the example', () => {
  const shared = sharedServer();
  let folder: string;
  const children: ChildProcess[] = [];
  beforeAll(() => {
    folder = makeFolder('kubernetes-example');
  });
  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL');
    await removeFolder(folder);
  });

  test('S60: forms, answers its probes from memory without asking the API server, and ends at SIGTERM', async () => {
    const { server, caFile } = shared.server;
    const kubeconfig = join(folder, 'config.json');
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'c', cluster: { server, 'certificate-authority': caFile } }],
      users: [{ name: 'u', user: { token: shared.token('explicit') } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u', namespace: 'default' } }],
      'current-context': 'x',
    };
    writeFileSync(kubeconfig, JSON.stringify(config));
    const [port = 0] = await freePorts(1);
    const env = {
      ...process.env,
      CLUSTER: freshCluster(),
      POD_NAME: 'pod-0',
      PORT: String(port),
      KUBECONFIG: kubeconfig,
    };
    const child = spawn(process.execPath, [MEMBER], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    child.stdout.resume();
    const probe = async (path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).status;
    await until('it is ready', async () => (await probe('/ready')) === 200, { withinMs: 30_000 });
    await shared.server.kill();
    expect([await probe('/live'), await probe('/ready'), await probe('/other')]).toEqual([200, 200, 404]);
    await shared.server.restart();
    const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    expect(await exited).toBe(0);
  });
});
