import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { spawnCommand } from '../../../test/servers/harness/index.js';
import { tool, top } from '../../../test/run/lib/workspace.mjs';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'autocluster-cli-'));
  const memory = JSON.stringify(here('./subjects/memory.ts'));
  const made = `import { memorySubject } from ${memory};\nexport default () => memorySubject`;
  writeFileSync(join(folder, 'good.mts'), `${made}();\n`);
  const broken = '{ spoil: (good) => Object.assign(good, { list: async () => ({}) }) }';
  writeFileSync(join(folder, 'bad.mts'), `${made}(${broken});\n`);
  writeFileSync(join(folder, 'nothing.mts'), 'export default { name: "nothing" };\n');
  writeFileSync(join(folder, 'never.mts'), 'export default () => new Promise(() => undefined);\n');
  const unready =
    '{ operator: () => { throw new Error("to be written") }, wire: { kind: "tcp", url: "http://127.0.0.1:1" } }';
  const hands = `import { memorySubject } from ${memory};\nexport default { ...memorySubject(), ...${unready} };\n`;
  writeFileSync(join(folder, 'unready.mts'), hands);
  const started = (close: string) => `import { createServer } from 'node:net';
import { memorySubject } from ${memory};
const server = createServer().listen(0, '127.0.0.1');
const list = () => { console.log('asked'); return new Promise(() => undefined); };
const subject = memorySubject({ spoil: (good) => Object.assign(good, { list }) });
const close = async () => { ${close} };
export default { ...subject, callTimeoutMs: 100_000, close };\n`;
  writeFileSync(join(folder, 'started.mts'), started("console.log('the server is closed'); server.close();"));
  const never = "console.log('closing for ever'); await new Promise(() => undefined);";
  writeFileSync(join(folder, 'hanging-close.mts'), started(never));
  const drivers = JSON.stringify(here('./subjects/drivers.ts'));
  writeFileSync(join(folder, 'driver.mts'), `export { processSubject as default } from ${drivers};\n`);
  writeFileSync(
    join(folder, 'node.test.mts'),
    `import { describe, test } from 'node:test';
import { testBackend } from ${JSON.stringify(here('../src/index.ts'))};
import { memorySubject } from ${memory};
testBackend('memory', memorySubject, { describe, test, only: ['LOCK', 'BIND-001'] });\n`,
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const start = (...args: readonly string[]) => {
  const [node = '', ...rest] = [...tool('tsx', 'tsx'), '--tsconfig', join(top, 'test', 'tsconfig.json'), ...args];
  return spawnCommand(node, rest, { cwd: folder });
};
const tsx = (...args: readonly string[]) => start(...args).exited;
const startCli = (...args: readonly string[]) => start(here('../src/cli.ts'), ...args);
const cli = (...args: readonly string[]) => startCli(...args).exited;

test('a store that keeps the contract: every case on a line, a summary, exit code 0', async () => {
  const { stdout, exitCode } = await cli('./good.mts', '--only', 'LOCK,LIST-001');
  expect(stdout).toMatch(/^ok {3}LIST-001 A namespace .* \(\d+\.\d s\)$/m);
  expect(stdout).toMatch(/^memory: 21 passed, in /m);
  expect(exitCode).toBe(0);
});

test('a store that does not: what was expected, the invariants, a report in JSON, exit code 1', async () => {
  const { stdout, stderr, exitCode } = await cli('./bad.mts', '--only', 'FORM-002', '--json');
  expect(stderr).toMatch(/^FAIL FORM-002 [\s\S]*expected arrays for members and skipped[\s\S]*protects V5, F6/m);
  expect(JSON.parse(stdout)).toMatchObject({ ok: false, counts: { failed: 1 }, results: [{ id: 'FORM-002' }] });
  expect(exitCode).toBe(1);
});

test('a driver', async () => {
  const { stdout, exitCode } = await cli('./driver.mts');
  expect(stdout).toMatch(/^process: 10 passed, 14 not for this store/m);
  expect(exitCode).toBe(0);
});

test('what cannot be asked: exit code 2, and why', async () => {
  const wrong = [
    [[], 'which file?'],
    [['--what'], '--what'],
    [['./missing.mjs'], 'missing.mjs'],
    [['./nothing.mts'], 'INVALID_OPTION'],
    [['./never.mts'], 'never settles'],
    [['./good.mts', './bad.mts', '--only', 'FORM-002'], './bad.mts'],
    [['./good.mts', '--only', 'LOKC'], 'LOKC'],
    [['./good.mts', '--only', 'LOCK-001,'], 'only'],
  ] as const;
  const results = await Promise.all(wrong.map(([args]) => cli(...args)));
  expect(results.map(({ exitCode }) => exitCode)).toEqual(wrong.map(() => 2));
  for (const [index, [, text]] of wrong.entries()) expect(results[index]?.stderr).toContain(text);
});

test('a case that cannot begin leaves nothing that keeps the process alive', async () => {
  const { stdout, exitCode } = await cli('./unready.mts', '--only', 'BIND-001');
  expect(stdout).toContain('to be written');
  expect(exitCode).toBe(1);
});

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s closes what the file has made', async (signal, code) => {
  const running = startCli('./started.mts', '--only', 'LIST-001');
  await running.seen(/asked/);
  running.kill(signal);
  const { stdout, stderr, exitCode } = await running.exited;
  expect(stdout).toContain('the server is closed');
  expect(stderr).toContain(signal);
  expect(exitCode).toBe(code);
});

test('a second interrupt ends at once, also by another signal', async () => {
  const running = startCli('./hanging-close.mts', '--only', 'LIST-001');
  await running.seen(/asked/);
  running.kill('SIGINT');
  await running.seen(/closing for ever/);
  running.kill('SIGTERM');
  const { exitCode } = await running.exited;
  expect([143, null]).toContain(exitCode);
});

test('--list and --help', async () => {
  const [list, help] = await Promise.all([cli('--list'), cli('--help')]);
  expect(list.stdout).toMatch(/^LOCK-009 A renewal .* \[lock: 'advisory' \| 'fenced'\]$/m);
  expect(list.stdout).toMatch(/^DRV-001 /m);
  expect(help.stdout).toContain('Exit code: 0');
});

test('the adapter works with node:test as it does with Vitest', async () => {
  const { stdout, exitCode } = await tsx('--test', './node.test.mts');
  expect(stdout).toMatch(/LOCK-001/);
  expect(stdout).toMatch(/^# pass 22$|ℹ pass 22$/m);
  expect(exitCode).toBe(0);
});
