import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { makeFolder, removeFolder, runCommand } from './harness/index.ts';
import { howToProvide, serverBinary, serverNames } from './provide.mjs';
import { moduleCache } from './provide/locate.mjs';

const script = fileURLToPath(new URL('provide.mjs', import.meta.url));
const folders: string[] = [];

let env: { PATH: string; AUTOCLUSTER_CACHE: string; CI?: string };

function folder(purpose: string): string {
  const made = makeFolder(purpose);
  folders.push(made);
  return made;
}

function program(path: string, says = '', exitCode = 0): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${says}\nexit ${exitCode}\n`);
  chmodSync(path, 0o755);
  return path;
}

const run = (args: readonly string[]) =>
  runCommand(process.execPath, [script, ...args], { env: { CI: undefined, ...env } });

beforeEach(() => {
  env = { PATH: join(folder('path'), 'bin'), AUTOCLUSTER_CACHE: folder('cache') };
});
afterAll(() => Promise.all(folders.map(removeFolder)));

describe('a server', () => {
  it('on PATH comes before one in the cache', async () => {
    program(join(moduleCache('etcd', env), 'etcd'));
    const path = program(join(env.PATH, 'etcd'), 'echo "etcd Version: 3.4.23"');
    const { stdout, stderr } = await run(['--only', 'etcd', '--json']);
    expect(JSON.parse(stdout)).toEqual([{ name: 'etcd', status: 'path', path, version: '3.4.23', tookMs: 0 }]);
    expect(stderr).toMatch(/etcd 3\.4\.23: path .*, not the recipe's 3\.6\.16/);
  });

  it('in the cache is of the version of its recipe', async () => {
    const path = program(join(moduleCache('consul', env), 'consul'));
    const { stdout } = await run(['--only', 'consul', '--json']);
    expect(JSON.parse(stdout)).toMatchObject([{ status: 'cache', path, version: '1.22.0' }]);
  });

  it('is not what merely has its name', () => {
    mkdirSync(join(env.PATH, 'etcd'), { recursive: true });
    writeFileSync(join(env.PATH, 'consul'), 'not executable', { mode: 0o644 });
    expect([serverBinary('etcd', env), serverBinary('consul', env)]).toEqual([undefined, undefined]);
  });

  it('that cannot be provided is named with its command', async () => {
    const { stdout, exitCode } = await run(['--only', 'etcd', '--json']);
    const provideWith = 'install Go 1.21 or later, then node test/servers/provide.mjs --only etcd';
    expect(JSON.parse(stdout)).toEqual([{ name: 'etcd', status: 'missing', tookMs: expect.any(Number), provideWith }]);
    expect(exitCode).toBe(0);
  });

  it('that is missing fails in CI', async () => {
    env.CI = 'true';
    expect(await run(['--only', 'etcd'])).toMatchObject({ exitCode: 1 });
  });

  it('is built by one command when there is Go', () => {
    program(join(env.PATH, 'go'));
    expect(howToProvide('consul', env)).toBe('node test/servers/provide.mjs --only consul');
    expect(howToProvide('rabbitmq', env)).toBe('sudo apt-get install -y --no-install-recommends rabbitmq-server');
  });
});

describe('a build', () => {
  // Stands in for Go: writes a program for each package into the folder after -o.
  const FAKE_GO = `echo compiled/one >&2
while [ $# -gt 0 ]; do
  case "$1" in
    -o) out="$2"; shift ;;
    */server/v3) name=server ;;
    */etcdctl/v3) name=etcdctl ;;
  esac
  if [ -n "$name" ]; then printf '#!/bin/sh\\n' > "$out$name"; chmod +x "$out$name"; echo "$name" >> "$AUTOCLUSTER_CACHE/built"; name=; fi
  shift
done`;

  const withTools = (says: string, exitCode = 0) => {
    program(join(env.PATH, 'go'), says, exitCode);
    env.PATH = `${env.PATH}:/usr/bin:/bin`;
  };

  it('makes all that is missing of a module at once, and is not repeated', async () => {
    withTools(FAKE_GO);
    const first = await run(['--only', 'etcd,etcdctl', '--json']);
    const cache = moduleCache('etcd', env);
    expect(JSON.parse(first.stdout)).toMatchObject([
      { name: 'etcd', status: 'built', path: join(cache, 'etcd'), version: '3.6.16' },
      { name: 'etcdctl', status: 'built', path: join(cache, 'etcdctl') },
    ]);
    expect(first.stderr).toMatch(/building etcd and etcdctl 3\.6\.16, about .* on two cores/);
    const second = await run(['--only', 'etcd,etcdctl', '--json']);
    expect(JSON.parse(second.stdout)).toMatchObject([{ status: 'cache' }, { status: 'cache' }]);
    expect(readFileSync(join(env.AUTOCLUSTER_CACHE, 'built'), 'utf8')).toBe('server\netcdctl\n');
  });

  it('can run twice at once', async () => {
    withTools(FAKE_GO);
    const both = await Promise.all([run(['--only', 'etcd', '--json']), run(['--only', 'etcd', '--json'])]);
    const results = both.map(({ stdout }) => JSON.parse(stdout) as unknown);
    expect(results).toMatchObject([[{ name: 'etcd', version: '3.6.16' }], [{ name: 'etcd', version: '3.6.16' }]]);
    expect(serverBinary('etcd', env)).toBe(join(moduleCache('etcd', env), 'etcd'));
  });

  it('that fails says why, and leaves the server missing', async () => {
    withTools('echo "no space left" >&2', 1);
    const { stdout, stderr } = await run(['--only', 'etcd', '--json']);
    expect(JSON.parse(stdout)).toMatchObject([{ status: 'missing' }]);
    expect(stderr).toMatch(/go build of etcd ended with 1:\nno space left/);
  });
});

describe('RabbitMQ', () => {
  it('is the script of its own folder, not the command that switches the user', () => {
    const home = dirname(env.PATH);
    program(join(home, 'sbin', 'rabbitmq-server'));
    expect(serverBinary('rabbitmq', env)).toBe(join(home, 'sbin', 'rabbitmq-server'));
    const own = join(home, 'lib', 'rabbitmq', 'lib', 'rabbitmq_server-3.10.8', 'sbin', 'rabbitmq-server');
    program(own);
    expect(serverBinary('rabbitmq', env)).toBe(own);
  });
});

describe('the script', () => {
  it('explains itself', async () => {
    const { stdout, exitCode } = await run(['--help']);
    for (const name of serverNames) expect(stdout).toContain(name);
    expect(exitCode).toBe(0);
  });

  it.each([['--only', 'etcd,nonsense'], ['--nonsense']])('refuses %s %s', async (...args) => {
    expect(await run(args)).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/nonsense/) });
  });
});
