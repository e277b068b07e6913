import { parseArgs } from 'node:util';
import { pathToFileURL } from 'node:url';
import { startEtcd } from '../../servers/harness/index.ts';
import { oneCluster, RabbitFleet } from './fleet.ts';

export interface Formation {
  readonly round: number;
  readonly tookMs: number;
  /** Why the round is not as promised. */
  readonly violation: string | undefined;
}

const NAMES = ['rabbit1', 'rabbit2', 'rabbit3'];

async function check(fleet: RabbitFleet): Promise<void> {
  const { nodes } = fleet;
  await Promise.all(nodes.map((node) => node.serves()));
  const clusters = new Set(nodes.map((node) => JSON.stringify(node.state('formed')?.data['identity'])));
  const creators = nodes.filter((node) => node.state('creating')).length;
  if (clusters.size !== 1 || creators !== 1) throw new Error(`${clusters.size} clusters, ${creators} creators`);
  if (!(await oneCluster(nodes))) throw new Error('cluster_status does not list all on every node');
}

/** Three nodes without data that start at the same moment, again and again. */
export async function coldFormations(
  rounds: number,
  hosts: string,
  onRound: (result: Formation) => void = () => undefined,
): Promise<readonly Formation[]> {
  const results: Formation[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const fleet = new RabbitFleet();
    const store = { kind: 'etcd', cluster: `cold-${process.pid}-${round}`, hosts } as const;
    const startedMs = performance.now();
    let violation: string | undefined;
    try {
      await fleet.start(...NAMES.map((name) => ({ name, store, options: { ttlMs: 15_000 } })));
      await check(fleet);
    } catch (error) {
      violation = `round ${round}: ${String(error)}`;
    } finally {
      await fleet.end();
    }
    const result = { round, tookMs: Math.round(performance.now() - startedMs), violation };
    results.push(result);
    onRound(result);
  }
  return results;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values } = parseArgs({ options: { rounds: { type: 'string', default: '30' } } });
  const etcd = await startEtcd();
  try {
    const results = await coldFormations(Number(values.rounds), etcd.endpoint, ({ round, tookMs, violation }) =>
      console.log(`round ${round}: ${violation ?? 'one cluster'}, ${tookMs} ms`),
    );
    const wrong = results.filter(({ violation }) => violation !== undefined).length;
    console.log(`${results.length} formations, ${wrong} wrong`);
    process.exitCode = wrong === 0 ? 0 : 1;
  } finally {
    await etcd.stop();
  }
}
