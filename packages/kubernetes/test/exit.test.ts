import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { faultProxy, runCommand, spawnCommand } from '../../../test/servers/harness/index.js';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import { freshCluster, sharedServer } from './support.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
// The sources of the workspace, whether or not they were built.
const env = { TSX_TSCONFIG_PATH: `${root}test/tsconfig.json` };
const child = fileURLToPath(new URL('exit-child.ts', import.meta.url));

/** Far from the 60 s for which connections are kept, and the minutes for which a watch lasts. */
const SOON_MS = 6_000;

serverSuite(['kube-apiserver', 'etcd'], 'kubernetes: the end of the process', () => {
  const shared = sharedServer();

  /** From the end of `close()` to the end of the process, in ms, as the process itself saw the first and we the second. */
  async function exitDelay(kind: string, server: string) {
    const args = [kind, server, freshCluster(), shared.server.caFile, shared.token('explicit')];
    const running = spawnCommand('node', ['--import', 'tsx', child, ...args], { cwd: root, env });
    await running.seen(/closed/, 45_000);
    const closedAt = performance.now();
    const { exitCode } = await running.exited;
    return { delayMs: performance.now() - closedAt, exitCode };
  }

  test.concurrent.each(['idle', 'used', 'busy'])('L7: %s: a closed backend keeps no process alive', async (kind) => {
    const { delayMs, exitCode } = await exitDelay(kind, shared.server.server);
    expect(exitCode).toBe(0);
    expect(delayMs).toBeLessThan(SOON_MS);
  });

  test.concurrent('L11: also when the API server is gone, refuses or hangs', async () => {
    const hanging = shared.keep(await faultProxy(shared.server.server));
    hanging.pause();
    const ends = await Promise.all(['https://127.0.0.1:1', hanging.endpoint].map((each) => exitDelay('failing', each)));
    for (const { delayMs, exitCode } of ends) {
      expect(exitCode).toBe(0);
      expect(delayMs).toBeLessThan(SOON_MS);
    }
  });

  test.concurrent('a backend that was only made and never used keeps no process alive', async () => {
    const args = ['--import', 'tsx', child, 'unused', shared.server.server, 'c', shared.server.caFile, 'token'];
    expect((await runCommand('node', args, { cwd: root, env })).exitCode).toBe(0);
  });
});
