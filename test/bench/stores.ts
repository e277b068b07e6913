import { fetchMetrics, type Metrics, sumOf } from '../servers/harness/metrics.ts';
import { makeFolder, removeFolder, startConsul, startEtcd } from '../servers/harness/index.ts';
import { requireServer } from '../servers/harness/lookup.ts';
import type { StoreName } from './options.ts';
import type { Place } from './place.ts';

/** What a server has counted since its start. */
export interface Counted {
  readonly requests: number;
  readonly raftWrites: number;
}

/** A store of its own for one measurement. */
export interface Opened {
  readonly place: Place;
  /** Undefined for a store without a server that counts. */
  readonly counted: (() => Promise<Counted>) | undefined;
}

/** Messages that came in: one for each unary call, and each one on a stream. Our own asking for metrics is none. */
const countedByEtcd = (metrics: Metrics): Counted => ({
  requests: sumOf(metrics, 'grpc_server_msg_received_total'),
  raftWrites: sumOf(metrics, 'etcd_server_proposals_committed_total'),
});

/** Requests that were answered; a blocking query counts when it ends, and our own asking for metrics is left out. */
const countedByConsul = (metrics: Metrics): Counted => ({
  requests: sumOf(metrics, 'consul_api_http_count', /^(?!.*agent_metrics)/),
  raftWrites: sumOf(metrics, 'consul_raft_apply'),
});

async function withEtcd<T>(run: (opened: Opened) => Promise<T>): Promise<T> {
  const server = await startEtcd();
  try {
    const counted = async () => countedByEtcd(await server.metrics());
    return await run({ place: { store: 'etcd', host: server.endpoint }, counted });
  } finally {
    await server.stop();
  }
}

/** With a data folder, so that a write costs what it costs in earnest. */
async function withConsul<T>(run: (opened: Opened) => Promise<T>): Promise<T> {
  const config = { telemetry: { prometheus_retention_time: '24h', disable_hostname: true } };
  const server = await startConsul({ mode: 'server', config });
  try {
    const url = `${server.plainAddress}/v1/agent/metrics?format=prometheus`;
    const counted = async () => countedByConsul(await fetchMetrics(url));
    const place: Place = { store: 'consul', host: server.httpAddress, program: requireServer('consul') };
    return await run({ place, counted });
  } finally {
    await server.stop();
  }
}

async function withLocal<T>(run: (opened: Opened) => Promise<T>): Promise<T> {
  const folder = makeFolder('bench-local');
  try {
    return await run({ place: { store: 'local', folder }, counted: undefined });
  } finally {
    await removeFolder(folder);
  }
}

const OPENERS = { etcd: withEtcd, consul: withConsul, local: withLocal } as const;

export function withStore<T>(name: StoreName, run: (opened: Opened) => Promise<T>): Promise<T> {
  return OPENERS[name](run);
}
