import { parseArgs } from 'node:util';
import { pathToFileURL } from 'node:url';
import { Fleet, type Worker } from './processes/fleet.ts';
import { STORES, type StoreSpec } from './stores.ts';

export interface FormationsOptions {
  readonly rounds: number;
  readonly processes: number;
  readonly store: StoreSpec;
  readonly ttlMs: number;
  readonly fleet: Fleet;
  readonly onRound?: (result: Round) => void;
}

export interface Round {
  readonly round: number;
  readonly formedMs: number;
  readonly viewsMs: number;
  /** Why the round is not as promised, with the story of every process. */
  readonly violation: string | undefined;
}

const count = (workers: readonly Worker[], holds: (worker: Worker) => boolean) => workers.filter(holds).length;

function storyOf(workers: readonly Worker[]): string {
  const lines = workers.flatMap(({ node, told }) =>
    told.map(({ event, data, atMs }) => ({
      atMs,
      text: `${atMs.toFixed(1)} ${node} ${event} ${JSON.stringify(data)}`,
    })),
  );
  return lines
    .sort((a, b) => a.atMs - b.atMs)
    .map(({ text }) => text)
    .join('\n');
}

async function check(workers: readonly Worker[]): Promise<void> {
  const states = await Promise.all(workers.map((worker) => worker.formed()));
  const ids = new Set(states.map(({ identity }) => `${identity.clusterId}/${identity.generation}`));
  const created = count(workers, (worker) => worker.all('created').length > 0);
  if (ids.size !== 1) throw new Error(`${ids.size} clusters: ${[...ids].join(', ')}`);
  if (created !== 1) throw new Error(`onCreate ran in ${created} processes`);
}

async function oneRound(options: FormationsOptions, workers: readonly Worker[], round: number): Promise<Round> {
  const { store, processes, ttlMs } = options;
  const common = { cluster: `round-${round}-${process.pid}`, store, options: { ttlMs } };
  await Promise.all(workers.map((worker, index) => worker.prepare({ ...common, node: `node-${index + 1}` })));
  const startedAtMs = performance.now();
  for (const worker of workers) worker.start();
  let [formedMs, viewsMs] = [0, 0];
  let violation: string | undefined;
  try {
    await check(workers);
    formedMs = Math.max(...workers.map((worker) => worker.last('started')?.atMs ?? 0)) - startedAtMs;
    const seesAll = (worker: Worker) => worker.readySeen.length === processes || undefined;
    await Promise.all(workers.map((worker) => worker.until('sees all ready', () => seesAll(worker))));
    viewsMs = performance.now() - startedAtMs;
    await Promise.all(workers.map((worker) => worker.stop()));
  } catch (error) {
    violation = `${String(error)}\n${storyOf(workers)}`;
    // The next round begins without them, whatever went wrong in this one.
    await Promise.allSettled(workers.map((worker) => worker.stop()));
  }
  return { round, formedMs, viewsMs, violation };
}

/** Processes that start at the same moment, again and again, each time on an empty store. */
export async function formations(options: FormationsOptions): Promise<readonly Round[]> {
  const workers = await options.fleet.launch(options.processes);
  const results: Round[] = [];
  for (let round = 1; round <= options.rounds; round += 1) {
    const result = await oneRound(options, workers, round);
    results.push(result);
    options.onRound?.(result);
  }
  return results;
}

const middle = (values: readonly number[], share: number) =>
  Math.round([...values].sort((a, b) => a - b)[Math.ceil(values.length * share) - 1] ?? 0);

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '100' },
      processes: { type: 'string', default: '8' },
      store: { type: 'string', default: 'local' },
    },
  });
  const store = STORES[values.store];
  if (store === undefined) throw new RangeError(`--store is one of ${Object.keys(STORES).join(', ')}`);
  const fleet = new Fleet();
  const running = await store.start();
  const began = performance.now();
  const [rounds, processes, ttlMs] = [Number(values.rounds), Number(values.processes), 3 * store.ttlMs];
  const onRound = ({ round, formedMs, violation }: Round) => {
    if (violation) console.log(`round ${round} VIOLATION\n${violation}`);
    else if (round % 10 === 0 || round === rounds) console.log(`round ${round}: formed in ${Math.round(formedMs)} ms`);
  };
  const results = await formations({ rounds, processes, store: running.spec, ttlMs, fleet, onRound });
  await fleet.end();
  await running.stop();
  const good = results.filter(({ violation }) => !violation);
  const formed = good.map(({ formedMs }) => formedMs);
  const [half, most, worst] = [0.5, 0.95, 1].map((share) => middle(formed, share));
  console.log(`${values.store}: ${good.length} of ${rounds} rounds with one creator and one cluster`);
  console.log(
    `formation ms: median ${half}, p95 ${most}, longest ${worst}; all: ${Math.round((performance.now() - began) / 1000)} s`,
  );
  process.exitCode = good.length === rounds ? 0 : 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
