import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
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
