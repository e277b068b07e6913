import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { type EtcdServer, type RabbitmqNode, startEpmd, startEtcd, startRabbitmq } from '../servers/harness/index.ts';
import { oneCluster, RabbitFleet, type RabbitNode } from '../real/rabbitmq/fleet.ts';
import { summaryOf } from './statistics.ts';
import { table } from './table.ts';

const HELP = `Measures how long three RabbitMQ nodes need for one cluster, ours beside RabbitMQ's own discovery with etcd.

  tsx test/bench/rabbitmq.ts [--rounds N] [--json]

  --rounds N   formations of each kind, in turn; default 10
  --json       the figures as JSON on standard output instead of a table

Measures the built packages: run \`pnpm build\` first. Asserts nothing: compare the columns of one run only.
`;

const COUNT = 3;

interface Round {
  /** From the first request for the formation lock to its last release. */
  readonly lockedMs: number;
  /** From the start of the processes until every node lists all as running. */
  readonly wholeMs: number;
}

interface Ours extends Round {
  /** From the grant to the end of the create, under the lock. */
  readonly createMs: number;
  /** From the record until the creator may be joined; its boot goes on after that. */
  readonly admitMs: number;
  /** Each join under the lock, from grant to release. */
  readonly joinMs: readonly number[];
}

const atMs = (node: RabbitNode, event: string, holds: (data: Readonly<Record<string, unknown>>) => boolean) =>
  node.told.find((each) => each.event === event && holds(each.data))?.atMs ?? Number.NaN;
const stateAtMs = (node: RabbitNode, kind: string) => atMs(node, 'state.changed', (data) => data['kind'] === kind);

/** The lock that this node had for its create or join: the later ones are for the size of the record. */
function heldBy(node: RabbitNode): { readonly fromMs: number; readonly toMs: number } {
  const workMs = Math.min(...['creating', 'joining'].map((kind) => stateAtMs(node, kind)).filter(Number.isFinite));
  const acquired = node.told.findLast((each) => each.event === 'lock.acquired' && each.atMs <= workMs);
  const released = node.told.find((each) => each.event === 'lock.released' && each.atMs >= workMs);
  return { fromMs: acquired?.atMs ?? Number.NaN, toMs: released?.atMs ?? Number.NaN };
}

async function ours(etcd: EtcdServer, cluster: string): Promise<Ours> {
  const fleet = new RabbitFleet();
  try {
    const store = { kind: 'etcd', cluster, hosts: etcd.endpoint } as const;
    const names = Array.from({ length: COUNT }, (_each, index) => `rabbit${index + 1}`);
    const placed = await Promise.all(names.map((name) => fleet.place({ name, store, options: { ttlMs: 15_000 } })));
    const startMs = performance.now();
    for (const node of placed) node.start();
    await Promise.all(placed.map((node) => node.serves()));
    const wholeMs = performance.now() - startMs;
    if (!(await oneCluster(placed))) throw new Error('not one cluster');
    const held = placed.map(heldBy);
    const creator = placed.find((node) => Number.isFinite(stateAtMs(node, 'creating')));
    if (!creator) throw new Error('nobody created');
    const created = heldBy(creator);
    const first = Math.min(...placed.map((node) => stateAtMs(node, 'locking')));
    return {
      lockedMs: Math.max(...held.map(({ toMs }) => toMs)) - first,
      wholeMs,
      createMs: created.toMs - created.fromMs,
      admitMs: stateAtMs(creator, 'formed') - created.toMs,
      joinMs: placed.filter((node) => node !== creator).map((node) => heldBy(node).toMs - heldBy(node).fromMs),
    };
  } finally {
    await fleet.end();
  }
}

const NATIVE = (etcd: EtcdServer, cluster: string) => [
  'cluster_formation.peer_discovery_backend = etcd',
  `cluster_formation.etcd.endpoints.1 = ${new URL(etcd.endpoint).host}`,
  `cluster_formation.etcd.cluster_name = ${cluster}`,
  'log.console.level = debug',
];

/** Native nodes tell nobody when they hold the lock: etcd does, by the keys below it. */
async function native(etcd: EtcdServer, cluster: string): Promise<Round> {
  const epmd = await startEpmd();
  const watched = etcd.spawnEtcdctl(['watch', '--prefix', `/rabbitmq/locks/rabbitmq/clusters/${cluster}/`]);
  const seen: number[] = [];
  let length = 0;
  const look = setInterval(() => {
    const events = watched.stdout().match(/^(PUT|DELETE)$/gm)?.length ?? 0;
    while (length < events) {
      seen.push(performance.now());
      length += 1;
    }
  }, 1);
  let nodes: readonly RabbitmqNode[] = [];
  try {
    const startMs = performance.now();
    const options = {
      epmd,
      cookie: 'benchmark',
      config: NATIVE(etcd, cluster),
      plugins: ['rabbitmq_peer_discovery_etcd'],
    };
    nodes = await Promise.all(Array.from({ length: COUNT }, () => startRabbitmq(options)));
    const wholeMs = performance.now() - startMs;
    const told = await Promise.all(nodes.map((node) => node.rabbitmqctl(['cluster_status', '--formatter', 'json'])));
    if (told.some(({ stdout }) => JSON.parse(stdout).running_nodes.length !== COUNT))
      throw new Error('not one cluster');
    return { lockedMs: (seen.at(-1) ?? Number.NaN) - (seen[0] ?? Number.NaN), wholeMs };
  } finally {
    clearInterval(look);
    watched.kill();
    await Promise.all(nodes.map((node) => node.stop()));
    await epmd.stop();
  }
}

/** What one join costs by RabbitMQ's own commands. */
async function byCommands(): Promise<number> {
  const epmd = await startEpmd();
  const shared = { epmd, cookie: 'benchmark' };
  const [seed, other] = await Promise.all([startRabbitmq(shared), startRabbitmq(shared)]);
  try {
    const startMs = performance.now();
    for (const step of [['stop_app'], ['join_cluster', seed.nodename], ['start_app']]) await other.rabbitmqctl(step);
    return performance.now() - startMs;
  } finally {
    await Promise.all([seed.stop(), other.stop()]);
    await epmd.stop();
  }
}

function spread(values: readonly number[]): string {
  const { min, median, max } = summaryOf(values);
  return `${Math.round(median)} (${Math.round(min)}–${Math.round(max)})`;
}

function show(rounds: readonly { readonly ours: Ours; readonly native: Round; readonly commandsMs: number }[]): string {
  const of = (pick: (round: (typeof rounds)[number]) => number) => spread(rounds.map(pick));
  const joins = rounds.flatMap((round) => round.ours.joinMs);
  return table(
    `${COUNT} nodes, ${rounds.length} rounds; median (least–most) in ms`,
    ['what', 'ours', 'native etcd', 'by commands'],
    [
      ['first lock request to last release', of((r) => r.ours.lockedMs), of((r) => r.native.lockedMs), ''],
      ['start of the processes to all ready', of((r) => r.ours.wholeMs), of((r) => r.native.wholeMs), ''],
      ['  create, under the lock', of((r) => r.ours.createMs), '', ''],
      ['  until the creator may be joined', of((r) => r.ours.admitMs), '', ''],
      ['  one join, under the lock', spread(joins), '', of((r) => r.commandsMs)],
    ],
  );
}

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '10' }, json: { type: 'boolean' }, help: { type: 'boolean' } },
});
if (values.help) process.stdout.write(HELP);
else {
  const etcd = await startEtcd();
  const rounds = [];
  try {
    for (let round = 1; round <= Number(values.rounds); round += 1) {
      const cluster = `bench-${round}`;
      const told = {
        ours: await ours(etcd, cluster),
        native: await native(etcd, cluster),
        commandsMs: await byCommands(),
      };
      rounds.push(told);
      process.stderr.write(`round ${round}: ${JSON.stringify(told)}\n`);
    }
  } finally {
    await etcd.stop();
  }
  process.stdout.write(values.json ? `${JSON.stringify(rounds, undefined, 2)}\n` : show(rounds));
}
