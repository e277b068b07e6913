import { parseArgs } from 'node:util';
import { pathToFileURL } from 'node:url';
import { startEtcd } from '../servers/harness/index.ts';
import { Fleet, type StoreSpec, type Worker } from './fleet.ts';

export interface FormationsOptions {
  readonly rounds: number;
  readonly processes: number;
  readonly store: StoreSpec;
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

const TTL_MS = 6_000;
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
  const creators = states.filter(({ role }) => role === 'creator').length;
  const created = count(workers, (worker) => worker.all('created').length > 0);
  if (ids.size !== 1) throw new Error(`${ids.size} clusters: ${[...ids].join(', ')}`);
  if (creators !== 1 || created !== 1) throw new Error(`${creators} creators, onCreate ran in ${created} processes`);
}

async function oneRound(options: FormationsOptions, workers: readonly Worker[], round: number): Promise<Round> {
  const { fleet, store, processes } = options;
  await fleet.prepare(workers, { cluster: `round-${round}-${process.pid}`, store, options: { ttlMs: TTL_MS } });
  const startedAtMs = performance.now();
  fleet.start(workers);
  let [formedMs, viewsMs] = [0, 0];
  let violation: string | undefined;
  try {
    await check(workers);
    formedMs = Math.max(...workers.map((worker) => worker.last('started')?.atMs ?? 0)) - startedAtMs;
    const seesAll = (worker: Worker) => worker.readySeen.length === processes || undefined;
    await Promise.all(workers.map((worker) => worker.until('sees all ready', () => seesAll(worker))));
    viewsMs = performance.now() - startedAtMs;
  } catch (error) {
    violation = `${String(error)}\n${storyOf(workers)}`;
  }
  await Promise.all(workers.map((worker) => worker.stop()));
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
  const fleet = new Fleet();
  const etcd = values.store === 'etcd' ? await startEtcd() : undefined;
  const store = etcd ? { hosts: [etcd.endpoint] } : { folder: `${fleet.folder}/store` };
  const began = performance.now();
  const rounds = Number(values.rounds);
  const onRound = ({ round, formedMs, violation }: Round) => {
    if (violation) console.log(`round ${round} VIOLATION\n${violation}`);
    else if (round % 10 === 0 || round === rounds) console.log(`round ${round}: formed in ${Math.round(formedMs)} ms`);
  };
  const results = await formations({ rounds, processes: Number(values.processes), store, fleet, onRound });
  await Promise.all([fleet.end(), etcd?.stop()]);
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
