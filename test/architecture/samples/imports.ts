import { bad, good } from './sample.ts';

const core = (path: string) => `packages/core/src/${path}`;
const step = core('formation/step.ts');
const runner = core('formation/runner.ts');
const decide = core('formation/decide.ts');
const plan = core('cleanup/plan.ts');

export const layers = [
  good('to the left', { [runner]: "import { x } from '../guard/index.js'; import './step.js'" }),
  good('the node uses the lock', { [core('node/cluster-node.ts')]: "export * from '../lock/index.js'" }),
  good('words about the right side in a comment', {
    [step]: "// import '../node/index.js'\nconst s = \"from '../node'\";",
  }),
  bad(
    'to the right',
    { [core('errors/error.ts')]: "\nimport { x } from '../backend/index.js'" },
    `${core('errors/error.ts')}:2 errors imports backend`,
  ),
  bad('within a tier', { [runner]: "import '../cleanup/plan.js'" }, `${runner}:1 formation imports cleanup`),
  bad(
    'a type to the right',
    { [step]: "import type { T } from '../node/event.js'" },
    `${step}:1 formation imports node`,
  ),
  bad('a type in place', { [step]: "type T = import('../node/event.js').T" }, `${step}:1 formation imports node`),
  bad('at run time', { [runner]: "await import('../health/report.js')" }, `${runner}:1 formation imports health`),
  bad(
    'a room without a place',
    { [core('extra/a.ts')]: "import '../errors/index.js'" },
    `${core('extra/a.ts')}:1 the room extra has no place`,
  ),
];

export const pureDecisions = [
  good('types and errors', {
    [decide]: "import type { Runtime } from '../runtime/index.js'; import { ClusterError } from '../errors/index.js';",
    [step]: "import { type State } from './state.js'",
  }),
  good('a file that is pure itself', {
    [decide]: "import { compareNodes } from '../backend/node-order.js'",
    [core('backend/node-order.ts')]: "import type { NodeId } from './member.js'",
  }),
  good('anything elsewhere', { [runner]: "import { systemRuntime } from '../runtime/index.js'" }),
  bad(
    'the runtime',
    { [step]: "import { systemClock } from '../runtime/index.js'" },
    `${step}:1 ${step} imports ${core('runtime')}`,
  ),
  bad(
    'the runtime, in a folder of decisions',
    { [core('formation/decide/blank.ts')]: "import '../../runtime/index.js'" },
    `${core('formation/decide/blank.ts')}:1 ${core('formation/decide/blank.ts')} imports`,
  ),
  bad('a module', { [plan]: "import { hostname } from 'node:os'" }, `${plan}:1 ${plan} imports node:os`),
  bad(
    'the runtime, by way of another file',
    {
      [decide]: "import { x } from './helper.js'",
      [core('formation/helper.ts')]: "import { pause } from '../runtime/index.js'",
    },
    `${decide}:1 ${core('formation/helper.ts')} imports ${core('runtime')}`,
  ),
];

const a = 'packages/etcd/src/a.ts';
const b = 'packages/etcd/src/b.ts';
const c = 'packages/etcd/src/c.ts';

export const cycles = [
  good('a diamond', { [a]: "import './b.js'; import './c.js'", [b]: "import './c.js'", [c]: '' }),
  bad(
    'of three',
    { [a]: "import './b.js'", [b]: "import './c.js'", [c]: "\nimport './a.js'" },
    `${c}:2 import cycle ${a} > ${b} > ${c} > ${a}`,
  ),
  bad(
    'of types',
    { [a]: "import type { B } from './b.js'", [b]: "export type { A } from './a.js'" },
    `${b}:1 import cycle`,
  ),
  bad('of one file', { [a]: "import './a.js'" }, `${a}:1 import cycle ${a} > ${a}`),
];

const build = { 'packages/etcd/tsup.config.ts': "export default library({ index: 'src/a.ts' })" };

export const deadFiles = [
  good('reached over another file', {
    ...build,
    [a]: "export * from './b.js'",
    [b]: "import type { C } from './c.js'",
    [c]: '',
  }),
  bad('nobody imports it', { ...build, [a]: '', [b]: "import './a.js'" }, `${b}:1 no entry point`),
  bad('only a comment imports it', { ...build, [a]: "// import './b.js'", [b]: '' }, `${b}:1 no entry point`),
  bad('imported but not there', { ...build, [a]: "import './b.js'" }, `${b}:1 is imported or built but does not exist`),
];

const store = (path: string) => `packages/fancystore/src/${path}`;

export const boundaries = [
  good('each its own entry points', {
    [a]: "import '@autocluster/core/backend'; import { Etcd3 } from 'etcd3'; import { b } from './b.js'",
    'packages/rabbitmq/src/driver.ts': "import type { ClusterDriver } from '@autocluster/core/driver'",
    'packages/rabbitmq/src/run/run-node.ts': "import { createClusterNode } from '@autocluster/core'",
    'packages/testing/src/clock.ts': "import '@autocluster/core/runtime'; import '@autocluster/core'",
    'packages/cli/src/main.ts': "import { etcd } from '@autocluster/etcd'",
    [core('runtime/system.ts')]: "import { randomUUID } from 'node:crypto'",
  }),
  bad(
    'a store and the core',
    { [a]: "import { x } from '@autocluster/core'" },
    `${a}:1 etcd imports @autocluster/core;`,
  ),
  bad(
    'a store that nobody has listed',
    { [store('backend.ts')]: '', [store('index.ts')]: "import '@autocluster/core/runtime'" },
    `${store('index.ts')}:1 fancystore imports @autocluster/core/runtime`,
  ),
  bad(
    'a driver and the node that it serves',
    { 'packages/rabbitmq/src/driver.ts': "import '@autocluster/core'" },
    'packages/rabbitmq/src/driver.ts:1 rabbitmq imports',
  ),
  bad(
    'a driver and a store',
    { 'packages/rabbitmq/src/a.ts': "import '@autocluster/etcd'" },
    'packages/rabbitmq/src/a.ts:1 rabbitmq imports',
  ),
  bad(
    'the inside of the core',
    { 'packages/testing/src/a.ts': "import '@autocluster/core/src/node/index.ts'" },
    'packages/testing/src/a.ts:1',
  ),
  bad(
    'out of the package',
    { [a]: "import '../../core/src/index.js'" },
    `${a}:1 ../../core/src/index.js leaves the package`,
  ),
  bad(
    'the core and a package',
    { [core('session/a.ts')]: "import 'p-retry'" },
    `${core('session/a.ts')}:1 core/session imports p-retry`,
  ),
  bad(
    'the core and Node',
    { [step]: "import { hostname } from 'node:os'" },
    `${step}:1 core/formation imports node:os`,
  ),
];

const six = ['index', 'config', 'backend', 'client', 'keys', 'errors'].map((name) => [
  `packages/consul/src/${name}.ts`,
  '',
]);

export const backendFiles = [
  good('all six and one more', Object.fromEntries([...six, ['packages/consul/src/txn.ts', '']])),
  good('laid out only', { 'packages/consul/src/index.ts': '' }),
  good('not a store', { 'packages/testing/src/index.ts': '', 'packages/testing/src/clock.ts': '' }),
  bad('one is missing', Object.fromEntries(six.slice(0, 5)), 'packages/consul/src/errors.ts:1 is missing'),
];
