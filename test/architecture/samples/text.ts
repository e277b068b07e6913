import { bad, good, lines } from './sample.ts';

const file = 'packages/etcd/src/backend.ts';
const test = 'packages/etcd/test/backend.test.ts';
const runtime = 'packages/core/src/runtime/system.ts';

export const sizes = [
  good('300 lines', { [file]: `${lines(300)}\n` }),
  good('a function of 70 lines', { [file]: `function f() {\n${lines(68)}\n}` }),
  good('a long describe of short tests', {
    [test]: `describe.each([1])('x', () => {\n${lines(90, "it('y', () => {\n});")}\n});`,
  }),
  good('written by a machine', { 'pnpm-lock.yaml': lines(9000), 'packages/etcd/README.md': lines(400) }),
  bad('301 lines', { [file]: lines(301) }, `${file}:301 has 301 lines`),
  bad('a function of 71 lines', { [file]: `\nconst f = () => {\n${lines(69)}\n};` }, `${file}:2 f has 71 lines`),
  bad('a method', { [file]: `class C {\n  async close() {\n${lines(70)}\n}}` }, `${file}:2 close has 72 lines`),
  bad(
    'a long test',
    { [test]: `describe('x', () => {\nit('y', async () => {\n${lines(70)}\n});});` },
    `${test}:2 a function without a name has 72`,
  ),
  bad('a long script', { 'test/run/x.mjs': lines(301) }, 'test/run/x.mjs:301 has 301 lines'),
];

const say = (text: string, name: string) => bad(text, { [file]: `\n${text}` }, `${file}:2 ${name} is banned here`);

export const bannedNames = [
  good('words, keys and members of others', {
    [file]:
      "// Date, Math.random()\nconst s = 'setTimeout'; const o = { Date: 1, setTimeout() {} }; o.Date; o.setTimeout(); interface I { performance: 1 }",
  }),
  good('in the runtime', {
    [runtime]: "setTimeout(f, 1); Date.now(); process.hrtime.bigint(); s.addEventListener('abort', f)",
  }),
  good('outside of the sources', { [test]: 'new Date(); setTimeout(f, 1); throw new Error()' }),
  good('other events', { [file]: "s.addEventListener('message', f); AbortSignal.any([]); crypto.randomBytes(1)" }),
  good('making a clock', { [file]: 'const clock: Clock = { wallMs: () => 0 }; interface Clock { wallMs(): number }' }),
  good('formatting', { 'packages/core/src/health/format-report.ts': 'clock.wallMs()' }),
  good('an error of the house', { [file]: "throw new ClusterError('TIMEOUT', ''); class E extends ClusterError {}" }),
  good('errors in errors/', { 'packages/core/src/errors/error.ts': "class E extends Error {}; new TypeError('x')" }),
  good('one real turn for the simulated time', {
    'packages/testing/src/clock.ts': 'setImmediate(f); new MessageChannel()',
  }),
  say('setTimeout(f, 1)', 'setTimeout'),
  say('globalThis.setInterval(f, 1)', 'setInterval'),
  say('new Date()', 'Date'),
  say('const d: Date = x', 'Date'),
  say('Date.now()', 'Date'),
  say('performance.now()', 'performance'),
  say("import { setTimeout as sleep } from 'node:timers/promises'", 'setTimeout'),
  say("import { randomUUID } from 'node:crypto'", 'randomUUID'),
  say('Math.random()', 'Math.random'),
  say('process.hrtime()', 'process.hrtime'),
  say('crypto.randomUUID()', 'crypto.randomUUID'),
  say('AbortSignal.timeout(1)', 'AbortSignal.timeout'),
  say("signal.addEventListener('abort', f)", "addEventListener('abort')"),
  say('this.clock.wallMs()', '.wallMs'),
  say('const { wallMs } = clock', '.wallMs'),
  say("throw new Error('x')", 'new Error'),
  say("throw new TypeError('x')", 'new TypeError'),
  say('class E extends RangeError {}', 'extends RangeError'),
  say('const o = { setImmediate }', 'setImmediate'),
  bad(
    'a second real turn',
    { 'packages/testing/src/clock.ts': 'setImmediate(f)', 'packages/testing/src/store.ts': 'setImmediate(f)' },
    'packages/testing/src/store.ts:1 setImmediate is banned here',
  ),
];

export const strictTypes = [
  good('unknown', { [file]: "// any\nconst s = '@ts-ignore'; let x: unknown; if (!x) f(); const any = a!==b;" }),
  good('in tests', { [test]: 'let x: any; // @ts-ignore\nx!;' }),
  bad('any', { [file]: 'let x: any;' }, `${file}:1 any switches`),
  bad('as any', { [file]: '\nf(x as any);' }, `${file}:2 any switches`),
  bad('non-null', { [file]: 'x!.y' }, `${file}:1 the ! is a promise`),
  bad('a value later', { [file]: 'let x!: string;' }, `${file}:1 the ! is a promise`),
  bad('a directive', { [file]: 'f(\n  // @ts-ignore\n  x);' }, `${file}:2 compiler directives`),
  bad('at the end', { [file]: 'f();\n/* @ts-expect-error */' }, `${file}:2 compiler directives`),
];

export const topLevel = [
  good('what was agreed', { 'packages/a.ts': '', 'README.md': '', '.gitignore': '', '.ci/run': '', LICENSE: '' }),
  bad('a folder more', { 'docs/a.md': '' }, 'docs/a.md:1 docs is not of the agreed top level'),
  bad('a file more', { 'tsconfig.json': '' }, 'tsconfig.json:1 tsconfig.json is not'),
];

// In parts, so that this file obeys the rule.
const home = ['', 'home', 'someone', 'x'].join('/');
const host = ['registry', 'example', 'org'].join('.');

export const machineIndependent = [
  good('relative paths and addresses', {
    [file]: '../../home/x, ./work/, https://127.0.0.1:2379/root, pages.example.org',
  }),
  good('hashes', { 'test/servers/etcd/go.sum': host }),
  bad('a path', { [file]: `\ncd ${home}` }, `${file}:2 an absolute path of one machine`),
  bad('a host', { '.npmrc': `x=https://${host}/` }, ".npmrc:1 a package registry's host"),
];
