import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { makeFolder } from '../../../test/servers/harness/index.js';
import { createCommands } from '../src/commands.js';
import { readOptions } from '../src/config.js';

test('no two calls of a process have one name, also those of a probe while the node boots', async () => {
  const folder = makeFolder('erl-call');
  const erlCall = join(folder, 'erl_call');
  writeFileSync(erlCall, `#!/bin/sh\necho "$4" >> ${folder}/names\nexit 1\n`, { mode: 0o755 });
  for (const name of ['rabbitmqctl', 'rabbitmq-server']) writeFileSync(join(folder, name), '');
  const config = { ...readOptions({ node: 'rabbit@a', home: folder, scripts: folder }), erlCall };
  const { signal } = new AbortController();
  const asked = [createCommands(config), createCommands(config)].flatMap((commands) =>
    ['one', 'two'].map((expression) => commands.evaluate('rabbit@a', expression, signal)),
  );
  for (const each of await Promise.allSettled(asked)) expect(each.status).toBe('rejected');
  const names = readFileSync(join(folder, 'names'), 'utf8').trim().split('\n');
  expect([names.length, new Set(names).size]).toEqual([4, 4]);
});

/** Commands of a node, each of which prints its number, says so in a file, and ends when another file is there. */
function slowCommands() {
  const folder = makeFolder('slow-commands');
  const script = `#!/bin/sh\necho begun >> ${folder}/begun\nwhile [ ! -e ${folder}/end ]; do sleep 0.05; done\necho done\n`;
  for (const name of ['rabbitmqctl', 'rabbitmq-server']) writeFileSync(join(folder, name), script, { mode: 0o755 });
  const config = readOptions({ node: 'rabbit@a', home: folder, scripts: folder, ask: 'rabbitmqctl' });
  return {
    commands: createCommands(config),
    begun: () => vi.waitFor(() => expect(existsSync(join(folder, 'begun'))).toBe(true), { timeout: 10_000 }),
    end: () => writeFileSync(join(folder, 'end'), ''),
  };
}

const args = ['forget_cluster_node', 'rabbit@b'];

test('a question that is given up is over at once', async () => {
  const { commands, begun } = slowCommands();
  const giving = new AbortController();
  const asked = commands.control('rabbitmqctl', 'rabbit@a', args, giving.signal);
  await begun();
  giving.abort();
  await expect(asked).rejects.toMatchObject({ code: 'ABORTED' });
});

test('a change of the membership that is given up is over when it is: it goes on in the broker (F17, C13)', async () => {
  const { commands, begun, end } = slowCommands();
  const giving = new AbortController();
  let isOver = false;
  const asked = commands.lasting.control('rabbitmqctl', 'rabbit@a', args, giving.signal);
  void asked.finally(() => (isOver = true)).catch(() => undefined);
  await begun();
  giving.abort();
  // An abort that ends a program has told so by then.
  await new Promise((resolve) => setImmediate(resolve));
  expect(isOver).toBe(false);
  end();
  expect(await asked).toBe('done\n');
  await expect(commands.lasting.control('rabbitmqctl', 'rabbit@a', args, giving.signal)).rejects.toMatchObject({
    code: 'ABORTED',
  });
});
