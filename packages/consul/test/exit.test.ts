import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { faultProxy, runCommand, spawnCommand } from '../../../test/servers/harness/index.js';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import { freshCluster, sharedServer } from './support.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
// The sources of the workspace, whether or not they were built.
const env = { TSX_TSCONFIG_PATH: `${root}test/tsconfig.json` };
const child = fileURLToPath(new URL('exit-child.ts', import.meta.url));

/** Far from the 30 s for which a question for a change keeps a process alive that nobody ended it for. */
const SOON_MS = 6_000;

/** From the end of `close()` to the end of the process, in ms, as the process itself saw the first and we the second. */
async function exitDelay(
  args: readonly string[],
): Promise<{ readonly delayMs: number; readonly exitCode: number | null }> {
  const running = spawnCommand('node', ['--import', 'tsx', child, ...args], { cwd: root, env });
  await running.seen(/closed/, 45_000);
  const closedAt = performance.now();
  const { exitCode } = await running.exited;
  return { delayMs: performance.now() - closedAt, exitCode };
}

serverSuite(['consul'], 'consul: the end of the process', () => {
  const shared = sharedServer();

  test.concurrent.each(['idle', 'used', 'busy'])(
    'L7, W9: %s: a closed backend keeps no process alive',
    async (kind) => {
      const { delayMs, exitCode } = await exitDelay([kind, shared.server.httpAddress, freshCluster()]);
      expect(exitCode).toBe(0);
      expect(delayMs).toBeLessThan(SOON_MS);
    },
  );

  test.concurrent('L11: also when the store is gone, refuses or hangs', async () => {
    const hanging = shared.keep(await faultProxy(shared.server.httpAddress));
    hanging.pause();
    const endpoints = ['http://127.0.0.1:1', hanging.endpoint];
    const ends = await Promise.all(endpoints.map((endpoint) => exitDelay(['failing', endpoint, freshCluster()])));
    for (const { delayMs, exitCode } of ends) {
      expect(exitCode).toBe(0);
      expect(delayMs).toBeLessThan(SOON_MS);
    }
  });

  test.concurrent('S76: no proxy is asked for a store on this machine', async () => {
    const args = ['--import', 'tsx', child, 'idle', shared.server.httpAddress, freshCluster()];
    const proxied = { ...env, http_proxy: 'http://127.0.0.1:1', no_proxy: '' };
    expect((await runCommand('node', args, { cwd: root, env: proxied })).stdout).toBe('closed\n');
  });

  test.concurrent('a backend that was only made and never used keeps no process alive', async () => {
    const { exitCode } = await runCommand(
      'node',
      ['--import', 'tsx', child, 'unused', shared.server.httpAddress, 'c'],
      {
        cwd: root,
      },
    );
    expect(exitCode).toBe(0);
  });
});
