import { type Counts, sumOfCounts } from './counting.ts';
import type { BenchOptions } from './options.ts';
import { nowMs, type Place } from './place.ts';
import { progress } from './progress.ts';
import type { Formed } from './protocol.ts';
import { ratio, type Summary, summaryOf } from './statistics.ts';
import { table } from './table.ts';
import { type Worker, withWorkers } from './worker-process.ts';

export interface FormationResult {
  readonly store: Place['store'];
  readonly nodes: number;
  readonly joinMs: number;
  readonly roundTripMs: number;
  /** R + J of the creator + J of all others + R. */
  readonly limitMs: number;
  readonly oursMs: Summary;
  readonly serialMs: Summary;
  readonly timesLimit: number;
  readonly fasterThanSerial: number;
  /** Of the round with the median time, for one node. */
  readonly exchangesPerNode: Counts;
  /** CPU time of all nodes together. */
  readonly cpuMs: number;
}

let clusters = 0;
function clusterName(purpose: string): string {
  clusters += 1;
  return `${purpose}-${process.pid}-${clusters}`;
}

interface Round {
  readonly tookMs: number;
  readonly exchanges: Counts;
  readonly cpuMs: number;
}

/** Half of the nodes in each process; all of them start at one moment. */
async function formOnce(workers: readonly Worker[], place: Place, count: number, joinMs: number): Promise<Round> {
  const cluster = clusterName('formation');
  const names = Array.from({ length: count }, (_, index) => `node-${index + 1}`);
  const shares = workers.map((worker, at) => {
    return { worker, names: names.filter((_, index) => index % workers.length === at) };
  });
  await Promise.all(shares.map(({ worker, names }) => worker.ask('prepare-nodes', { place, cluster, names, joinMs })));
  const atMs = nowMs() + 100;
  const formed: readonly Formed[] = await Promise.all(workers.map((worker) => worker.ask('form-cluster', { atMs })));
  await Promise.all(workers.map((worker) => worker.ask('drop-nodes', undefined)));
  return {
    tookMs:
      Math.max(...formed.map(({ lastFormedMs }) => lastFormedMs)) -
      Math.min(...formed.map(({ firstStartMs }) => firstStartMs)),
    exchanges: sumOfCounts(formed.map(({ exchanges }) => exchanges)),
    cpuMs: formed.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
  };
}

async function serialOnce(worker: Worker, place: Place, count: number, joinMs: number): Promise<number> {
  const names = Array.from({ length: count }, (_, index) => `node-${index + 1}`);
  const ask = { place, cluster: clusterName('serial'), names, joinMs };
  return (await worker.ask('form-serially', ask)).tookMs;
}

function perNode(counts: Counts, nodes: number): Counts {
  const share = (count: number) => ratio(count, nodes);
  return {
    register: share(counts.register),
    unregister: share(counts.unregister),
    list: share(counts.list),
    lock: share(counts.lock),
    unlock: share(counts.unlock),
  };
}

/** How many serial rounds are worth their time. */
const serialRounds = (rounds: number, nodes: number, joinMs: number): number =>
  nodes * joinMs > 2_000 ? Math.min(2, rounds) : rounds;

async function measure(
  place: Place,
  nodes: number,
  joinMs: number,
  rounds: number,
  roundTripMs: number,
): Promise<FormationResult> {
  return withWorkers(Math.min(2, nodes), async (workers) => {
    const [first] = workers;
    if (first === undefined) throw new RangeError('no worker');
    const ours: Round[] = [];
    const serial: number[] = [];
    const last = serialRounds(rounds, nodes, joinMs);
    // The first round warms the processes up.
    for (let round = 0; round <= rounds; round += 1) {
      const formed = await formOnce(workers, place, nodes, joinMs);
      progress(`${place.store} ${nodes} nodes, joins of ${joinMs} ms: ${formed.tookMs.toFixed(0)} ms`);
      if (round > 0) ours.push(formed);
      if (round > 0 && round <= last) serial.push(await serialOnce(first, place, nodes, joinMs));
    }
    const oursMs = summaryOf(ours.map(({ tookMs }) => tookMs));
    const serialMs = summaryOf(serial);
    const limitMs = 2 * roundTripMs + 2 * joinMs;
    const typical = ours.toSorted((a, b) => a.tookMs - b.tookMs)[Math.ceil(ours.length / 2) - 1];
    if (typical === undefined) throw new RangeError('no round');
    return {
      store: place.store,
      nodes,
      joinMs,
      roundTripMs,
      limitMs,
      oursMs,
      serialMs,
      timesLimit: ratio(oursMs.median, limitMs),
      fasterThanSerial: ratio(serialMs.median, oursMs.median),
      exchangesPerNode: perNode(typical.exchanges, nodes),
      cpuMs: Math.round(typical.cpuMs),
    };
  });
}

export async function measureFormation(place: Place, options: BenchOptions): Promise<readonly FormationResult[]> {
  const roundTripMs = await withWorkers(1, async ([worker]) => {
    const answer = await worker?.ask('round-trips', { place, count: 200 });
    return summaryOf(answer?.timesMs ?? []).median;
  });
  const results: FormationResult[] = [];
  for (const nodes of options.nodes) {
    for (const joinMs of options.joinsMs) {
      results.push(await measure(place, nodes, joinMs, options.rounds, roundTripMs));
    }
  }
  return results;
}

const spread = ({ median, min, max }: Summary): string => `${median.toFixed(0)} (${min.toFixed(0)}..${max.toFixed(0)})`;

export function formationTable(results: readonly FormationResult[]): string {
  return table(
    'Formation, in ms: from the first start() to the last formed node; median (min..max)',
    ['store', 'N', 'join', 'R', 'limit', 'ours', 'serial', 'ours/limit', 'serial/ours', 'per node', 'CPU'],
    results.map((each) => {
      const { register, list, lock } = each.exchangesPerNode;
      return [
        each.store,
        each.nodes,
        each.joinMs,
        each.roundTripMs,
        Math.round(each.limitMs * 10) / 10,
        spread(each.oursMs),
        spread(each.serialMs),
        each.timesLimit,
        each.fasterThanSerial,
        `${register} register, ${list} list, ${lock} lock`,
        each.cpuMs,
      ];
    }),
  );
}
