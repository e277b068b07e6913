import type { Backend } from '@autocluster/core/backend';
import { bindRole, NAMESPACE, shippedRole } from '../backends/kubernetes.ts';
import {
  makeFolder,
  removeFolder,
  type ServerControls,
  startConsul,
  startConsulCluster,
  startEtcd,
  startEtcdCluster,
  startKubernetes,
} from '../servers/harness/index.ts';
import { serverSuite } from '../servers/harness/suite.ts';
import type { ServerName } from '../servers/provide.mjs';

/** How a process opens the store: `@autocluster/NAME` exports the function NAME, which gets these options and `cluster`. */
export interface StoreSpec {
  readonly name: string;
  /** Whatever JSON can carry. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** A store that runs. Each test has a cluster name of its own in it. */
export interface RunningStore {
  readonly spec: StoreSpec;
  stop(): Promise<void>;
}

/** A server that goes away and comes back, with or without its data. */
export interface StruckStore extends RunningStore {
  readonly server: Pick<ServerControls, 'kill' | 'pause' | 'resume' | 'restart'>;
  /** Where its data is while it is killed. */
  readonly dataDir: string;
}

export interface ThreeServers extends RunningStore {
  killLeader(): Promise<void>;
}

export interface RealStore {
  readonly servers: readonly ServerName[];
  /** The shortest TTL that these tests can use here; what waits for an expiry waits this long. */
  readonly ttlMs: number;
  start(): Promise<RunningStore>;
  /** Where a server can be away: the suites of outages run on it. */
  readonly startStruck?: () => Promise<StruckStore>;
  /** Where several servers elect a leader: the suite that takes it away runs on it. */
  readonly startThree?: () => Promise<ThreeServers>;
}

async function startLocal(): Promise<RunningStore> {
  const folder = makeFolder('real-local');
  return { spec: { name: 'local', options: { folder } }, stop: () => removeFolder(folder) };
}

const etcdAt = (hosts: readonly string[]): StoreSpec => ({ name: 'etcd', options: { hosts } });

async function startOneEtcd(): Promise<StruckStore> {
  const server = await startEtcd();
  return { spec: etcdAt(server.endpoints), server, dataDir: server.dataDir, stop: () => server.stop() };
}

async function startThreeEtcds(): Promise<ThreeServers> {
  const servers = await startEtcdCluster(3, { heartbeatMs: 100, electionMs: 1000 });
  const killLeader = async () => (await servers.leader()).kill();
  return { spec: etcdAt(servers.endpoints), killLeader, stop: () => servers.stop() };
}

const consulAt = (hosts: readonly string[]): StoreSpec => ({ name: 'consul', options: { hosts } });

async function startOneConsul(): Promise<StruckStore> {
  const server = await startConsul({ mode: 'server' });
  return { spec: consulAt([server.httpAddress]), server, dataDir: server.dataDir, stop: () => server.stop() };
}

async function startThreeConsuls(): Promise<ThreeServers> {
  const servers = await startConsulCluster(3);
  const killLeader = async () => (await servers.leader()).kill();
  return { spec: consulAt(servers.httpAddresses), killLeader, stop: () => servers.stop() };
}

/** Processes show a certificate: what a server is that has lost everything knows no ServiceAccount any more. */
async function startOneKubernetes(): Promise<StruckStore> {
  const server = await startKubernetes();
  const { certificates, caFile, etcd } = server;
  const { certFile: cert, keyFile: key } = certificates.client;
  const allow = () => bindRole(server, 'members', { user: 'autocluster' }, shippedRole('explicit').rules);
  await allow();
  const options = { server: server.server, namespace: NAMESPACE, owner: 'none', tls: { ca: caFile, cert, key } };
  const kill = async () => {
    await server.kill();
    await etcd.kill();
  };
  const restart = async () => {
    await etcd.restart();
    await server.restart();
    await allow();
  };
  const controls = { kill, restart, pause: () => server.pause(), resume: () => server.resume() };
  return { spec: { name: 'kubernetes', options }, server: controls, dataDir: etcd.dataDir, stop: () => server.stop() };
}

/**
 * The stores that the process tests run on. A further store needs one line here, and its package among the
 * `devDependencies` of the workspace: the suites of struck processes, formations and outages then run on it too, and
 * `formations.ts --store NAME` knows it.
 */
export const STORES: Readonly<Record<string, RealStore>> = {
  local: { servers: [], ttlMs: 2_000, start: startLocal },
  etcd: {
    servers: ['etcd'],
    ttlMs: 2_000,
    start: startOneEtcd,
    startStruck: startOneEtcd,
    startThree: startThreeEtcds,
  },
  consul: {
    servers: ['consul'],
    // Consul takes no less.
    ttlMs: 10_000,
    start: startOneConsul,
    startStruck: startOneConsul,
    startThree: startThreeConsuls,
  },
  kubernetes: {
    servers: ['kube-apiserver', 'etcd'],
    // A sixth of it is the time of one call, and an API server takes longer than an etcd.
    ttlMs: 3_000,
    start: startOneKubernetes,
    startStruck: startOneKubernetes,
  },
};

type Ability = 'start' | 'startStruck' | 'startThree';
export type StoreWith<Needed extends Ability> = RealStore & {
  readonly [Each in Needed]-?: NonNullable<RealStore[Each]>;
};

const isAble = <Needed extends Ability>(store: RealStore, needed: Needed): store is StoreWith<Needed> =>
  store[needed] !== undefined;

/** The same suite once for each store that can be started in this way. */
export function storeSuites<Needed extends Ability>(
  title: string,
  needed: Needed,
  body: (store: StoreWith<Needed>) => void,
): void {
  for (const [name, store] of Object.entries(STORES)) {
    if (isAble(store, needed)) serverSuite(store.servers, `${title}, on ${name}`, () => body(store));
  }
}

/** Longest time of one test, in ms. */
export const testTimeout = ({ ttlMs }: RealStore): number => 60_000 + 10 * ttlMs;

/** The store as somebody who takes no part in the cluster sees it. */
export async function openStore({ name, options }: StoreSpec, cluster: string): Promise<Backend> {
  const { [name]: open } = (await import(`@autocluster/${name}`)) as Record<string, (all: object) => Backend>;
  if (open === undefined) throw new RangeError(`@autocluster/${name} exports no ${name}`);
  return open({ cluster, ...options });
}
