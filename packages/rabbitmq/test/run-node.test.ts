import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { memoryStore } from '@autocluster/testing';
import { expect, test } from 'vitest';
import { freePorts, makeFolder, until } from '../../../test/servers/harness/index.js';
import { runRabbitmqNode, type RabbitmqNodeOptions } from '../src/index.js';

/** A folder of scripts whose server is this one, beside what it has written down. */
function scriptsOf(body: string) {
  const folder = makeFolder('run-node');
  const seen = join(folder, 'seen');
  writeFileSync(seen, '');
  writeFileSync(join(folder, 'rabbitmqctl'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  writeFileSync(join(folder, 'rabbitmq-server'), `#!/bin/sh\nexec 3>>${seen}\n${body}`, { mode: 0o755 });
  return { folder, seen: () => readFileSync(seen, 'utf8') };
}

/** Like the VM of Erlang, which takes no other signal for a wish to end. */
const ENDS_BY_SIGTERM = `trap 'echo SIGTERM >&3; exit 0' TERM
trap '' INT USR2
echo "$RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS" >&3
for _ in $(seq 500); do sleep 0.02; done
`;

const runIn = (folder: string, more: Partial<RabbitmqNodeOptions> = {}) =>
  runRabbitmqNode({
    backend: memoryStore().client({ cluster: 'rabbits' }),
    ttlMs: 3000,
    rabbitmq: { node: 'rabbit@a', scripts: folder, home: folder, ask: 'rabbitmqctl' },
    signals: ['SIGUSR2'],
    ...more,
  });

test('whichever signal ends the node, the broker gets the one that ends it', async () => {
  const { folder, seen } = scriptsOf(ENDS_BY_SIGTERM);
  const running = runIn(folder);
  await until('the server runs', () => seen() !== '');
  // At Ctrl-C the terminal tells the VM as well, which would stop at a menu and ask what to do.
  expect(seen()).toContain('+B i');
  process.emit('SIGUSR2', 'SIGUSR2');
  expect(await running).toBe(0);
  expect(seen()).toContain('SIGTERM');
});

test.each([[['SIGKILL']], [['SIGSTOP']], [['SIGNALS']], ['SIGTERM']])(
  'signals that nobody can take are refused before the broker is started: %j',
  async (signals) => {
    const { folder, seen } = scriptsOf(ENDS_BY_SIGTERM);
    const running = Reflect.apply(runIn, undefined, [folder, { signals }]);
    await expect(running).rejects.toMatchObject({ code: 'INVALID_OPTION', option: 'signals' });
    expect(seen()).toBe('');
  },
);

test('a port that is none is refused before anything is started', async () => {
  const { folder, seen } = scriptsOf(ENDS_BY_SIGTERM);
  const [port = 0] = await freePorts(1);
  const env = { ...process.env, RABBITMQ_DIST_PORT: 'x' };
  const options = { node: 'rabbit@a', scripts: folder, home: folder, env };
  const running = runIn(folder, { rabbitmq: options, http: { port, host: '127.0.0.1' } });
  await expect(running).rejects.toMatchObject({ code: 'INVALID_OPTION', option: 'RABBITMQ_DIST_PORT' });
  await expect(fetch(`http://127.0.0.1:${port}/livez`)).rejects.toThrow(/fetch failed/);
  expect(seen()).toBe('');
});

test('a cookie that cannot be written starts nothing, and leaves no server of the health behind', async () => {
  const { folder } = scriptsOf(ENDS_BY_SIGTERM);
  const [port = 0] = await freePorts(1);
  const cookie = { node: 'rabbit@a', scripts: folder, home: join(folder, 'rabbitmqctl'), cookie: 'secret' };
  await expect(runIn(folder, { rabbitmq: cookie, http: { port, host: '127.0.0.1' } })).rejects.toThrow(/cookie/);
  await expect(fetch(`http://127.0.0.1:${port}/livez`)).rejects.toThrow(/fetch failed/);
});

test.each([
  ['SEGV', 139],
  ['HUP', 129],
  ['ABRT', 134],
  ['KILL', 137],
])('a broker that SIG%s ends has the status that a shell shows', async (signal, status) => {
  const { folder } = scriptsOf(`kill -${signal} $$\n`);
  expect(await runIn(folder)).toBe(status);
});

test('a server that cannot be started is told, beside the status', async () => {
  const { folder } = scriptsOf(ENDS_BY_SIGTERM);
  rmSync(join(folder, 'rabbitmq-server'));
  const told: string[] = [];
  const log = (_facts: object, text: string) => void told.push(text);
  const silent = () => undefined;
  expect(await runIn(folder, { logger: { debug: silent, info: silent, warn: silent, error: log } })).toBe(127);
  expect(told).toEqual([expect.stringContaining('rabbitmq-server cannot be started')]);
});
