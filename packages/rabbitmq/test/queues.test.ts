import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import type { ClusterRecord, DriverCall, ForgetRequest } from '@autocluster/core/driver';
import { systemClock } from '@autocluster/core/runtime';
import { describe, expect, it } from 'vitest';
import { makeFolder } from '../../../test/servers/harness/index.js';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import type { Asking } from '../src/commands.js';
import { readOptions } from '../src/config.js';
import { RabbitmqDriver } from '../src/driver.js';
import { queuesOn } from '../src/expressions.js';
import { GATE_PROBE } from '../src/gate.js';
import { formatNamed, parseEvaluated } from '../src/parse.js';
import { PROBE } from '../src/probe.js';

const SELF = 'rabbit@a';

const record: ClusterRecord = {
  clusterId: 'ours',
  generation: 1,
  createdBy: SELF,
  createdAt: '2026-01-01T00:00:00.000Z',
  token: 7n,
  version: 1,
  size: 3,
  idle: false,
  removed: ['rabbit@b', 'rabbit@c'],
  settings: {},
  extra: {},
};

/** A driver of a broker that runs alone, whose queues count on copies on every node, and whose commands never end. */
function site() {
  const folder = makeFolder('queues');
  for (const name of ['rabbitmqctl', 'rabbitmq-server']) writeFileSync(join(folder, name), '');
  const config = readOptions({ node: SELF, home: folder, scripts: folder, stateFile: join(folder, 'state') });
  const begun: string[] = [];
  let end: (printed: string) => void = () => undefined;
  const probe = {
    gate: 'none',
    running: true,
    ready: true,
    booting: false,
    readable: true,
    members: [SELF],
    up: [SELF],
    apart: [],
    parameter: formatNamed(record),
    contents: -1,
    native: null,
    folder,
  };
  const answers = new Map<string, unknown>([
    [GATE_PROBE, null],
    [PROBE, probe],
  ]);
  const asking: Asking = {
    evaluate: (_node, expression) => Promise.resolve(answers.has(expression) ? answers.get(expression) : 1),
    control(command, _node, args, signal) {
      begun.push([command, ...args].join(' '));
      return new Promise((resolve, reject) => {
        end = resolve;
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      });
    },
  };
  return {
    driver: new RabbitmqDriver(config, { cheap: true, ...asking, lasting: asking }),
    begun,
    end: (printed: string) => end(printed),
  };
}

const call = (signal = new AbortController().signal): DriverCall => ({
  signal,
  timeoutMs: 60_000,
  clock: systemClock,
  list: undefined,
});
const gone = (node: string): ForgetRequest => ({ node, instance: undefined, token: 7n });
/** Everything that needs no time of the machine has happened. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('copies of queues on nodes that are gone', () => {
  it('are not removed behind the back of who asked: the node may be a member again by then', async () => {
    const { driver, begun } = site();
    await driver.forget(gone('rabbit@b'), call());
    await driver.committed(record, call());
    await settled();
    expect(begun).toEqual([]);
  });

  it('are not said to be removed where one of them stayed, whatever the command ended with', async () => {
    const { driver, end } = site();
    const done = driver.afterForget(gone('rabbit@b'), call());
    await settled();
    end('\n/\torders\t3\terror: timeout\n');
    await expect(done).rejects.toMatchObject({ code: 'DRIVER_FAILED', retryable: true });
    const again = driver.afterForget(gone('rabbit@b'), call());
    await settled();
    end('\n/\tof one copy\t1\terror: :last_node\n');
    expect(await again).toBeUndefined();
  });

  it('are removed for the next node, though the removal for another one hangs', async () => {
    const { driver, begun } = site();
    const stopping = new AbortController();
    const first = driver.afterForget(gone('rabbit@b'), call(stopping.signal)).catch((error: unknown) => error);
    await settled();
    stopping.abort('late');
    expect(await first).toBe('late');
    void driver.afterForget(gone('rabbit@c'), call()).catch(() => undefined);
    await settled();
    expect(begun).toEqual(
      ['rabbit@b', 'rabbit@c'].map((node) => `rabbitmq-queues shrink ${node} --errors-only --silent`),
    );
  });
});

serverSuite(['rabbitmq'], 'queues whose members cannot be told', () => {
  it('count on a copy: nobody may take its place as if there were none', () => {
    const folder = makeFolder('queues-erl');
    const modules = {
      rabbit_amqqueue:
        "list() -> [one, two, three].\nget_quorum_nodes(one) -> [];\nget_quorum_nodes(two) -> ['rabbit@b'].",
      rabbit_json: 'encode(#{value := Value}) -> io_lib:format("{\\"value\\":~b}", [Value]).',
    };
    for (const [name, body] of Object.entries(modules))
      writeFileSync(
        join(folder, `${name}.erl`),
        `-module(${name}).\n-compile([export_all, nowarn_export_all]).\n${body}\n`,
      );
    const compile = Object.keys(modules).map((name) => `{ok, _} = compile:file(${name})`);
    const asked = `io:format("~p", [begin ${queuesOn('rabbit@b').replace(/\.$/, '')} end])`;
    const evaluate = [...compile, asked, 'halt()'].join(', ');
    const { stdout } = spawnSync('erl', ['-noshell', '-pa', '.', '-eval', `${evaluate}.`], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(parseEvaluated(stdout)).toBe(2);
  });
});
