import { join } from 'node:path';
import { type Certificates, makeCertificates } from './certificates.ts';
import { type CommandOptions, type CommandResult, type RunningCommand, runCommand, spawnCommand } from './command.ts';
import { controlsOf, Daemon, orKeepLogs, type ServerControls, startTogether } from './daemon.ts';
import {
  type ActiveTls,
  clientArgs,
  type EtcdAuth,
  type EtcdOptions,
  type MemberPorts,
  tlsArgs,
  tuningArgs,
} from './etcd-options.ts';
import { makeFolder, makeSubfolder, removeFolder } from './folder.ts';
import { requireServer } from './lookup.ts';
import { fetchMetrics, type Metrics } from './metrics.ts';
import { answers, until } from './poll.ts';
import { LOOPBACK, onFreePorts, portAt } from './ports.ts';

export interface EtcdctlOptions extends CommandOptions {
  /** Another way to the server, such as a proxy; etcdctl would add a second `--endpoints` to the first. */
  readonly endpoints?: readonly string[];
}

export interface EtcdClient {
  readonly endpoint: string;
  readonly endpoints: readonly string[];
  readonly certificates?: Certificates;
  etcdctl(args: readonly string[], options?: EtcdctlOptions): Promise<CommandResult>;
  spawnEtcdctl(args: readonly string[], options?: EtcdctlOptions): RunningCommand;
}

export interface EtcdMember extends ServerControls, EtcdClient {
  readonly name: string;
  readonly dataDir: string;
  metrics(): Promise<Metrics>;
}

export type EtcdServer = EtcdMember;

export interface EtcdCluster extends EtcdClient {
  readonly members: readonly EtcdMember[];
  /** The member that leads now, and that all reachable members follow. */
  leader(withinMs?: number): Promise<EtcdMember>;
  stop(): Promise<void>;
}

interface Plan {
  readonly folder: string;
  readonly options: EtcdOptions;
  readonly tls: ActiveTls | undefined;
  readonly members: readonly { readonly name: string; readonly ports: MemberPorts }[];
}

const PORTS_PER_MEMBER = 3;
const peerUrl = (ports: MemberPorts) => `http://${LOOPBACK}:${ports.peer}`;
const metricsUrl = (ports: MemberPorts, path: string) => `http://${LOOPBACK}:${ports.metrics}${path}`;
const clientUrl = (plan: Plan, ports: MemberPorts) => `${plan.tls ? 'https' : 'http'}://${LOOPBACK}:${ports.client}`;

function memberArgs(plan: Plan, name: string, ports: MemberPorts, dataDir: string): readonly string[] {
  const cluster = plan.members.map((member) => `${member.name}=${peerUrl(member.ports)}`).join(',');
  return [
    `--name=${name}`,
    `--data-dir=${dataDir}`,
    `--listen-client-urls=${clientUrl(plan, ports)}`,
    `--advertise-client-urls=${clientUrl(plan, ports)}`,
    `--listen-peer-urls=${peerUrl(ports)}`,
    `--initial-advertise-peer-urls=${peerUrl(ports)}`,
    `--initial-cluster=${cluster}`,
    `--initial-cluster-token=${plan.folder}`,
    // Plain, so that readiness and metrics can be asked whatever TLS the clients use.
    `--listen-metrics-urls=${metricsUrl(ports, '')}`,
    '--log-level=warn',
    '--logger=zap',
    '--log-outputs=stderr',
    ...tlsArgs(plan.tls),
    ...tuningArgs(plan.options),
  ];
}

function clientOf(plan: Plan, ports: readonly MemberPorts[]): EtcdClient {
  const endpoints = ports.map((each) => clientUrl(plan, each));
  const access = clientArgs(plan.tls, plan.options.auth);
  const whole = (args: readonly string[], options?: EtcdctlOptions) => {
    return [`--endpoints=${(options?.endpoints ?? endpoints).join(',')}`, ...access, ...args];
  };
  const program = () => requireServer('etcdctl');
  return {
    endpoint: endpoints[0] ?? '',
    endpoints,
    ...(plan.tls ? { certificates: plan.tls.certificates } : {}),
    etcdctl: (args, options) => runCommand(program(), whole(args, options), options),
    spawnEtcdctl: (args, options) => spawnCommand(program(), whole(args, options), options),
  };
}

interface Launched {
  readonly daemon: Daemon;
  readonly member: EtcdMember;
}

function prepareMember(plan: Plan, { name, ports }: Plan['members'][number]): Launched {
  const dataDir = join(plan.folder, name);
  const daemon = new Daemon({
    name: `etcd ${name}`,
    command: requireServer('etcd'),
    args: memberArgs(plan, name, ports, dataDir),
    logFile: join(plan.folder, `${name}.log`),
    ready: () => answers(metricsUrl(ports, '/health')),
    readyWithinMs: plan.options.readyWithinMs ?? 30_000,
  });
  const controls = controlsOf(daemon, () => removeFolder(dataDir));
  const own = { name, dataDir, metrics: () => fetchMetrics(metricsUrl(ports, '/metrics')) };
  return { daemon, member: Object.assign(controls, clientOf(plan, [ports]), own) };
}

async function must(result: Promise<CommandResult>): Promise<void> {
  const { exitCode, stderr, stdout } = await result;
  if (exitCode !== 0) throw new Error(`etcdctl ended with ${exitCode}: ${stderr || stdout}`);
}

/** Users first, `auth enable` last: from then on every call needs a password. */
async function enableAuth(plan: Plan, auth: EtcdAuth): Promise<void> {
  const { auth: _, ...withoutAuth } = plan.options;
  const anonymous = clientOf(
    { ...plan, options: withoutAuth },
    plan.members.map(({ ports }) => ports),
  );
  const run = (...args: readonly string[]) => must(anonymous.etcdctl(args));
  await run('user', 'add', `root:${auth.rootPassword}`);
  await run('user', 'grant-role', 'root', 'root');
  for (const { name, password, prefix } of auth.users ?? []) {
    await run('user', 'add', `${name}:${password}`);
    await run('role', 'add', name);
    if (prefix !== undefined) await run('role', 'grant-permission', name, '--prefix=true', 'readwrite', prefix);
    await run('user', 'grant-role', name, name);
  }
  await run('auth', 'enable');
}

async function activeTls(folder: string, { tls }: EtcdOptions): Promise<ActiveTls | undefined> {
  if (tls === undefined || tls === false) return undefined;
  const wanted = tls === true ? {} : tls;
  const certificates = wanted.certificates ?? (await makeCertificates(await makeSubfolder(folder, 'certificates')));
  return { certificates, clientAuth: wanted.clientAuth ?? true, serverPair: wanted.serverPair ?? certificates.server };
}

function planOf(folder: string, tls: ActiveTls | undefined, options: EtcdOptions, ports: readonly number[]): Plan {
  const count = Math.floor(ports.length / PORTS_PER_MEMBER);
  const members = Array.from({ length: count }, (_, index) => {
    const first = index * PORTS_PER_MEMBER;
    const [client, peer, metrics] = [portAt(ports, first), portAt(ports, first + 1), portAt(ports, first + 2)];
    return { name: `etcd${index + 1}`, ports: { client, peer, metrics } };
  });
  return { folder, options, tls, members };
}

async function findLeader(members: readonly EtcdMember[]): Promise<EtcdMember | undefined> {
  const candidates = await Promise.all(
    members.map(async (member) => {
      const metrics = member.running() ? await member.metrics().catch(() => undefined) : undefined;
      return metrics?.get('etcd_server_is_leader') === 1 && metrics.get('etcd_server_has_leader') === 1
        ? member
        : undefined;
    }),
  );
  const leaders = candidates.filter((member) => member !== undefined);
  // Two at once: one of them has not heard yet that it lost.
  return leaders.length === 1 ? leaders[0] : undefined;
}

async function launch(options: EtcdOptions, ports: readonly number[]): Promise<EtcdCluster> {
  const folder = makeFolder('etcd');
  const plan = planOf(folder, await activeTls(folder, options), options, ports);
  const launched = plan.members.map((member) => prepareMember(plan, member));
  const daemons = launched.map(({ daemon }) => daemon);
  const members = launched.map(({ member }) => member);
  await startTogether(folder, daemons);
  const { auth } = options;
  if (auth) await orKeepLogs(folder, daemons, () => enableAuth(plan, auth));
  return {
    ...clientOf(
      plan,
      plan.members.map((member) => member.ports),
    ),
    members,
    leader: (withinMs = 15_000) => until('one etcd leader', () => findLeader(members), { withinMs, everyMs: 50 }),
    stop: async () => {
      // Not gracefully: the data goes anyway, and a leader that ends waits for members that end with it.
      await Promise.all(daemons.map((daemon) => (daemons.length > 1 ? daemon.kill() : daemon.end())));
      await removeFolder(folder);
    },
  };
}

export function startEtcdCluster(size: number, options: EtcdOptions = {}): Promise<EtcdCluster> {
  const { ports } = options;
  if (ports) return launch(options, ports);
  return onFreePorts(size * PORTS_PER_MEMBER, (free) => launch(options, free));
}

export async function startEtcd(options: EtcdOptions = {}): Promise<EtcdServer> {
  const cluster = await startEtcdCluster(1, options);
  const [server] = cluster.members;
  if (server === undefined) throw new RangeError('startEtcd takes three ports');
  return Object.assign(server, { stop: () => cluster.stop() });
}
