import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeFolder } from '../../../test/servers/harness/index.js';
import { Brokers } from '../src/broker.js';
import type { Asking, Commands } from '../src/commands.js';
import { readOptions } from '../src/config.js';
import { StateFile } from '../src/state-file.js';

const probe = (folder: string) => ({
  gate: 'none',
  running: false,
  ready: false,
  readable: false,
  members: [],
  up: [],
  apart: [],
  parameter: null,
  contents: -1,
  failure: null,
  native: null,
  folder,
});

/** A broker that answers these, one after another. */
function brokersThat(...answers: readonly unknown[]): Brokers {
  const folder = makeFolder('brokers');
  for (const name of ['rabbitmqctl', 'rabbitmq-server']) writeFileSync(join(folder, name), '');
  const left = [...answers];
  const asking: Asking = { evaluate: async () => left.shift(), control: () => expect.fail('no command') };
  const commands: Commands = { cheap: true, ...asking, lasting: asking };
  return new Brokers(readOptions({ node: 'rabbit@a', home: folder, scripts: folder, ask: 'rabbitmqctl' }), commands);
}

test('a broker that does not know its folder yet does not hide an unfinished join, now or later', async () => {
  const data = join(makeFolder('data'), 'rabbit@a');
  StateFile.beside(data, 'rabbit@a').write({ joining: true, record: undefined });
  const brokers = brokersThat(null, probe(''), probe(data));
  const { signal } = new AbortController();
  await expect(brokers.own(signal)).rejects.toMatchObject({ code: 'DRIVER_FAILED', retryable: true });
  expect((await brokers.own(signal)).state.joining).toBe(true);
});
