import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type EtcdServer, type Metrics, sumOf } from '../servers/harness/index.ts';
import type { IdleFigures, IdleTask } from './idle-figures.ts';
import { type ImportResult, measureImports } from './imports.ts';
import type { BenchOptions, StoreName } from './options.ts';
import type { Place } from './place.ts';
import { progress } from './progress.ts';
import { withStore } from './stores.ts';
import { table } from './table.ts';

interface Idle {
  readonly what: string;
  readonly nodes: number;
  readonly figures: IdleFigures;
}

/** What many idle nodes cost etcd, for each second. */
export interface EtcdLoad {
  readonly nodes: number;
  readonly requestsPerSecond: number;
  readonly raftWritesPerSecond: number;
}

export interface IdleResult {
  readonly imports: readonly ImportResult[];
  readonly processes: readonly Idle[];
  readonly etcdLoad: EtcdLoad | undefined;
}

const SETTLE_MS = 5_000;
const MANY = 50;

/** `whenSettled` runs at the moment from which on the process is watched. */
async function watchIdle(
  task: IdleTask,
  whenSettled: () => Promise<void> = async () => undefined,
): Promise<IdleFigures> {
  const file = fileURLToPath(new URL('idle-node.mjs', import.meta.url));
  const child = fork(file, [JSON.stringify(task)], {
    execArgv: ['--expose-gc'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  try {
    return await new Promise<IdleFigures>((resolve, reject) => {
      child.on('message', (message: 'settled' | IdleFigures) => {
        if (message !== 'settled') resolve(message);
        else whenSettled().catch(reject);
      });
      child.on('exit', (code) => reject(new Error(`the idle process ended with ${code}`)));
    });
  } finally {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
  }
}

/** Messages that came in: one for each unary call, and each one on a stream. Our own asking for metrics is none. */
const requests = (metrics: Metrics): number => sumOf(metrics, 'grpc_server_msg_received_total');
const raftWrites = (metrics: Metrics): number => sumOf(metrics, 'etcd_server_proposals_committed_total');

async function watchMany(etcd: EtcdServer, task: IdleTask): Promise<{ figures: IdleFigures; load: EtcdLoad }> {
  let before: Metrics | undefined;
  let beganMs = 0;
  const figures = await watchIdle(task, async () => {
    before = await etcd.metrics();
    beganMs = performance.now();
  });
  const after = await etcd.metrics();
  const seconds = (performance.now() - beganMs) / 1000;
  if (before === undefined) throw new RangeError('the process never settled');
  const perSecond = (count: (metrics: Metrics) => number, from: Metrics) =>
    Math.round(((count(after) - count(from)) / seconds) * 100) / 100;
  const load = {
    nodes: task.nodes,
    requestsPerSecond: perSecond(requests, before),
    raftWritesPerSecond: perSecond(raftWrites, before),
  };
  return { figures, load };
}

export async function measureIdle({ stores, idleSeconds }: BenchOptions): Promise<IdleResult> {
  progress('imports');
  const imports = await measureImports();
  progress(`idle processes, for ${idleSeconds} s`);
  const task = (place: Place | undefined, nodes: number): IdleTask => {
    return { place, nodes, settleMs: SETTLE_MS, watchMs: idleSeconds * 1000 };
  };
  const one = (name: StoreName) =>
    withStore(name, async ({ place }): Promise<Idle> => {
      return { what: `a node on ${name}`, nodes: 1, figures: await watchIdle(task(place, 1)) };
    });
  const bare = watchIdle(task(undefined, 0)).then((figures): Idle => ({ what: 'Node.js alone', nodes: 0, figures }));
  const many = stores.includes('etcd')
    ? withStore('etcd', ({ place, etcd }) => {
        if (etcd === undefined) throw new RangeError('no etcd');
        return watchMany(etcd, task(place, MANY));
      })
    : undefined;
  const [alone, singles, crowd] = await Promise.all([bare, Promise.all(stores.map(one)), many]);
  const processes = [alone, ...singles];
  if (crowd) processes.push({ what: `${MANY} nodes on etcd`, nodes: MANY, figures: crowd.figures });
  return { imports, processes, etcdLoad: crowd?.load };
}

const listed = (alive: IdleFigures['alive']): string =>
  Object.entries(alive)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(', ');

export function idleTables({ imports, processes, etcdLoad }: IdleResult): string {
  const parts = [
    table(
      'Import, in a new process: median',
      ['entry', 'ms', 'min', 'max', 'RSS added, MB'],
      imports.map(({ entry, ms, rssMb }) => [entry, ms.median, ms.min, ms.max, rssMb]),
    ),
    table(
      'Idle, formed, one process each',
      ['what', 'RSS MB', 'CPU ms/min', 'exchanges/min', 'alive'],
      processes.map(({ what, figures }) => [
        what,
        figures.rssMb,
        figures.cpuMsPerMinute,
        figures.exchangesPerMinute,
        listed(figures.alive),
      ]),
    ),
  ];
  if (etcdLoad) {
    const { nodes, requestsPerSecond, raftWritesPerSecond } = etcdLoad;
    const head = ['idle nodes', 'requests/s', 'raft writes/s'];
    parts.push(table('Load on etcd', head, [[nodes, requestsPerSecond, raftWritesPerSecond]]));
  }
  return parts.join('\n');
}
