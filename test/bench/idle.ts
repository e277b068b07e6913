import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { IdleFigures, IdleTask } from './idle-figures.ts';
import { type ImportResult, measureImports } from './imports.ts';
import type { BenchOptions, StoreName } from './options.ts';
import type { Place } from './place.ts';
import { progress } from './progress.ts';
import { type Counted, withStore } from './stores.ts';
import { table } from './table.ts';

interface Idle {
  readonly what: string;
  readonly nodes: number;
  readonly figures: IdleFigures;
}

/** What many idle nodes cost a server, for each second. */
export interface StoreLoad {
  readonly store: StoreName;
  readonly nodes: number;
  readonly requestsPerSecond: number;
  readonly raftWritesPerSecond: number;
}

export interface IdleResult {
  readonly imports: readonly ImportResult[];
  readonly processes: readonly Idle[];
  readonly loads: readonly StoreLoad[];
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

interface Crowd {
  readonly idle: Idle;
  readonly load: StoreLoad;
}

async function watchMany(store: StoreName, counted: () => Promise<Counted>, task: IdleTask): Promise<Crowd> {
  let before: Counted | undefined;
  let beganMs = 0;
  const figures = await watchIdle(task, async () => {
    before = await counted();
    beganMs = performance.now();
  });
  const after = await counted();
  const seconds = (performance.now() - beganMs) / 1000;
  if (before === undefined) throw new RangeError('the process never settled');
  const perSecond = (from: number, to: number) => Math.round(((to - from) / seconds) * 100) / 100;
  const load = {
    store,
    nodes: task.nodes,
    requestsPerSecond: perSecond(before.requests, after.requests),
    raftWritesPerSecond: perSecond(before.raftWrites, after.raftWrites),
  };
  return { idle: { what: `${task.nodes} nodes on ${store}`, nodes: task.nodes, figures }, load };
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
  const crowd = (name: StoreName) =>
    withStore(name, async ({ place, counted }) => counted && watchMany(name, counted, task(place, MANY)));
  const [alone, singles, crowds] = await Promise.all([
    bare,
    Promise.all(stores.map(one)),
    Promise.all(stores.map(crowd)),
  ]);
  const measured = crowds.filter((each) => each !== undefined);
  return {
    imports,
    processes: [alone, ...singles, ...measured.map(({ idle }) => idle)],
    loads: measured.map(({ load }) => load),
  };
}

const listed = (alive: IdleFigures['alive']): string =>
  Object.entries(alive)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(', ');

export function idleTables({ imports, processes, loads }: IdleResult): string {
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
  if (loads.length > 0) {
    parts.push(
      table(
        'Load on the server',
        ['store', 'idle nodes', 'requests/s', 'raft writes/s'],
        loads.map((each) => [each.store, each.nodes, each.requestsPerSecond, each.raftWritesPerSecond]),
      ),
    );
  }
  return parts.join('\n');
}
