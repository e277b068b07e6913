import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readOptions } from '../src/config.js';
import { rabbitmq } from '../src/index.js';
import { distributionPort } from '../src/run/server.js';

let folder = '';
let scripts = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'autocluster-config-'));
  scripts = join(folder, 'lib', 'rabbitmq', 'lib', 'rabbitmq_server-3.10.8', 'sbin');
  mkdirSync(scripts, { recursive: true });
  mkdirSync(join(folder, 'bin'));
  mkdirSync(join(folder, 'sbin'));
  writeFileSync(join(scripts, 'rabbitmqctl'), '');
  writeFileSync(join(folder, 'sbin', 'rabbitmqctl'), '');
  writeFileSync(join(folder, 'bin', 'erl_call'), '');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const env = (more: Record<string, string> = {}) => ({ PATH: join(folder, 'bin'), HOME: '/srv/rabbit', ...more });
const read = (more: object = {}, environment: Record<string, string> = {}) =>
  readOptions({ node: 'rabbit@a', scripts, env: env(environment), ...more });

describe('options', () => {
  test.each([
    [{ nodes: 'a' }, 'nodes'],
    [{ node: 7 }, 'node'],
    [{ longNames: 'yes' }, 'longNames'],
    [{ scripts: '/nowhere' }, 'scripts'],
    [{ ask: 'epmd' }, 'ask'],
    [{ ask: 'erl_call', env: { PATH: '/nowhere' } }, 'ask'],
    [{ env: { RABBITMQ_USE_LONGNAME: 'perhaps' } }, 'RABBITMQ_USE_LONGNAME'],
    [{ env: { ERL_EPMD_PORT: 'x' } }, 'ERL_EPMD_PORT'],
    [{ env: { PATH: 7 } }, 'env.PATH'],
    [{ env: 'PATH' }, 'env'],
    [{ stateFile: '' }, 'stateFile'],
    [{ cookie: 'a', cookieFile: 'b' }, 'cookieFile'],
  ])('%j is refused, naming %s', (options, option) => {
    const construct = () => Reflect.apply(rabbitmq, undefined, [{ node: 'rabbit@a', scripts, ...options }]);
    expect(construct).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', option }));
  });

  test('S85: the environment that RabbitMQ documents counts, and an option counts more', () => {
    const environment = { RABBITMQ_NODENAME: 'worker@10.0.0.1', RABBITMQ_USE_LONGNAME: 'true', ERL_EPMD_PORT: '4370' };
    expect(readOptions({ scripts, env: env(environment) })).toMatchObject({
      node: 'worker@10.0.0.1',
      longNames: true,
      home: '/srv/rabbit',
      epmdPort: 4370,
    });
    expect(read({ node: 'rabbit@10.0.0.2' }, environment)).toMatchObject({ node: 'rabbit@10.0.0.2' });
    // Names of both kinds are never mixed by accident.
    expect(() => read({}, environment)).toThrow(/longNames/);
  });

  test('the cookie of the environment counts where no other is given', () => {
    expect(read({}, { RABBITMQ_ERLANG_COOKIE: 'fromenv' }).cookie).toBe('fromenv');
    expect(read({ cookie: 'given' }, { RABBITMQ_ERLANG_COOKIE: 'fromenv' }).cookie).toBe('given');
    expect(read().cookie).toBeUndefined();
  });

  test("commands that switch users are passed by for RabbitMQ's own", () => {
    const path = join(folder, 'sbin');
    expect(readOptions({ node: 'rabbit@a', env: { PATH: path, HOME: '/' } }).scripts).toBe(scripts);
  });

  test('of several versions the newest that is still there counts, by its numbers', () => {
    const versions = join(folder, 'several', 'lib', 'rabbitmq', 'lib');
    for (const name of [
      'rabbitmq_server-3.9.29/sbin',
      'rabbitmq_server-3.10.8/sbin',
      'rabbitmq_server-4.0.1/plugins',
    ]) {
      mkdirSync(join(versions, name), { recursive: true });
      if (name.endsWith('sbin')) writeFileSync(join(versions, name, 'rabbitmqctl'), '');
    }
    const path = join(folder, 'several', 'sbin');
    mkdirSync(path);
    writeFileSync(join(path, 'rabbitmqctl'), '');
    const newest = join(versions, 'rabbitmq_server-3.10.8', 'sbin');
    expect(readOptions({ node: 'rabbit@a', env: { PATH: path, HOME: '/' } }).scripts).toBe(newest);
  });

  test('S81: erl_call is used where it is, but not where nodes talk in TLS, which it cannot', () => {
    expect(read().erlCall).toBe(join(folder, 'bin', 'erl_call'));
    expect(read({ ask: 'rabbitmqctl' }).erlCall).toBeUndefined();
    const encrypted = { RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-pa x -proto_dist inet_tls -ssl_dist_optfile y' };
    expect(read({}, encrypted).erlCall).toBeUndefined();
  });

  test('S53: the driver has the name that the next run has', () => {
    const driver = rabbitmq({ node: 'rabbit@a', scripts });
    expect(driver).toMatchObject({ name: 'rabbitmq', spi: 1, data: 'durable', views: 'peer', concurrentJoins: false });
    expect(driver.self()).toBe('rabbit@a');
  });
});

test('nodes talk to each other on the port that RabbitMQ would choose', () => {
  expect(distributionPort({})).toBe(25_672);
  expect(distributionPort({ RABBITMQ_NODE_PORT: '5673' })).toBe(25_673);
  expect(distributionPort({ RABBITMQ_NODE_PORT: '5673', RABBITMQ_DIST_PORT: '30000' })).toBe(30_000);
});

test.each([
  ['RABBITMQ_DIST_PORT', 'x'],
  ['RABBITMQ_DIST_PORT', '65536'],
  ['RABBITMQ_NODE_PORT', 'tcp://10.0.0.1:5672'],
  // 20 000 more is no port.
  ['RABBITMQ_NODE_PORT', '60000'],
])('%s=%s is refused: the VM could not listen', (name, port) => {
  expect(() => distributionPort({ [name]: port })).toThrow(
    expect.objectContaining({ code: 'INVALID_OPTION', option: name }),
  );
});
