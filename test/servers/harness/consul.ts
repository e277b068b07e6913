import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Certificates, makeCertificates } from './certificates.ts';
import { type CommandOptions, type CommandResult, type RunningCommand, runCommand, spawnCommand } from './command.ts';
import {
  type AgentPlan,
  type AgentPorts,
  agentConfig,
  clientEnvironment,
  type ConsulOptions,
} from './consul-options.ts';
import { controlsOf, Daemon, orKeepLogs, type ServerControls, startTogether } from './daemon.ts';
import { makeFolder, makeSubfolder, removeFolder } from './folder.ts';
import { requireServer } from './lookup.ts';
import { until } from './poll.ts';
import { LOOPBACK, onFreePorts, portAt } from './ports.ts';

export interface ConsulClient {
  /** `https` when the server has TLS. */
  readonly httpAddress: string;
  /** Always without TLS, for the test's own questions. */
  readonly plainAddress: string;
  /** The management token, with `acl`. */
  readonly token?: string;
  readonly certificates?: Certificates;
  consul(args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  spawnConsul(args: readonly string[], options?: CommandOptions): RunningCommand;
}

export interface ConsulServer extends ServerControls, ConsulClient {
  readonly name: string;
  readonly dataDir: string;
}

export interface ConsulCluster extends ConsulClient {
  readonly members: readonly ConsulServer[];
  readonly httpAddresses: readonly string[];
  /** The member that most running members call their leader. */
  leader(withinMs?: number): Promise<ConsulServer>;
  stop(): Promise<void>;
}

interface Launched {
  readonly plan: AgentPlan;
  readonly daemon: Daemon;
  readonly server: ConsulServer;
}

const PORTS_PER_MEMBER = 4;
const plainAddress = ({ http }: AgentPorts) => `http://${LOOPBACK}:${http}`;

async function ask(plan: AgentPlan, path: string): Promise<unknown> {
  const headers = plan.token === undefined ? {} : { 'x-consul-token': plan.token };
  const response = await fetch(`${plainAddress(plan.ports)}${path}`, { headers, signal: AbortSignal.timeout(1000) });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

const isSerfHealth = (check: unknown) =>
  typeof check === 'object' && check !== null && 'CheckID' in check && check.CheckID === 'serfHealth';

/** With a leader alone a session cannot be made yet: its node has to be in the catalog, with a passing check. */
async function knowsHealthy(plan: AgentPlan, atLeast: number): Promise<boolean> {
  if ((await ask(plan, '/v1/status/leader')) === '') return false;
  const passing = await ask(plan, '/v1/health/state/passing');
  return Array.isArray(passing) && passing.filter(isSerfHealth).length >= atLeast;
}

/** A member that restarts while another one is down is ready too, so a majority is enough for it. */
const isReady = (plan: AgentPlan) => knowsHealthy(plan, Math.floor(plan.everyGossipPort.length / 2) + 1);

const allKnowAll = async (plans: readonly AgentPlan[]) =>
  (await Promise.all(plans.map((plan) => knowsHealthy(plan, plans.length)))).every(Boolean);

function clientOf(plan: AgentPlan): ConsulClient {
  const { ports, tls, token } = plan;
  const plain = plainAddress(ports);
  const httpAddress = tls ? `https://${LOOPBACK}:${ports.https}` : plain;
  const program = () => requireServer('consul');
  const withAccess = (options: CommandOptions = {}) => {
    return { ...options, env: { ...clientEnvironment(plan, httpAddress), ...options.env } };
  };
  return {
    httpAddress,
    plainAddress: plain,
    ...(token === undefined ? {} : { token }),
    ...(tls ? { certificates: tls.certificates } : {}),
    consul: (args, options) => runCommand(program(), args, withAccess(options)),
    spawnConsul: (args, options) => spawnCommand(program(), args, withAccess(options)),
  };
}

async function prepare(plan: AgentPlan): Promise<Launched> {
  const dataDir = await makeSubfolder(plan.folder, plan.name);
  const configFile = join(plan.folder, `${plan.name}.json`);
  await writeFile(configFile, JSON.stringify(agentConfig(plan, dataDir), undefined, 2));
  const daemon = new Daemon({
    name: `consul ${plan.name}`,
    command: requireServer('consul'),
    args: ['agent', ...(plan.options.mode === 'server' ? [] : ['-dev']), '-config-file', configFile],
    logFile: join(plan.folder, `${plan.name}.log`),
    ready: () => isReady(plan),
    readyWithinMs: plan.options.readyWithinMs ?? 30_000,
  });
  const controls = controlsOf(daemon, () => removeFolder(dataDir));
  return { plan, daemon, server: Object.assign(controls, clientOf(plan), { name: plan.name, dataDir }) };
}

async function activeTls(folder: string, { tls }: ConsulOptions): Promise<AgentPlan['tls']> {
  if (tls === undefined || tls === false) return undefined;
  const wanted = tls === true ? {} : tls;
  const certificates = wanted.certificates ?? (await makeCertificates(await makeSubfolder(folder, 'certificates')));
  return { certificates, clientAuth: wanted.clientAuth ?? true, serverPair: wanted.serverPair ?? certificates.server };
}

function portsOf(ports: readonly number[]): readonly AgentPorts[] {
  return Array.from({ length: Math.floor(ports.length / PORTS_PER_MEMBER) }, (_, index) => {
    const [http, https, rpc, gossip] = [0, 1, 2, 3].map((each) => portAt(ports, index * PORTS_PER_MEMBER + each));
    return { http: http ?? 0, https: https ?? 0, rpc: rpc ?? 0, gossip: gossip ?? 0 };
  });
}

async function findLeader(launched: readonly Launched[]): Promise<ConsulServer | undefined> {
  const answers = await Promise.all(
    launched.map(async ({ plan, daemon }) =>
      daemon.running() ? ask(plan, '/v1/status/leader').catch(() => undefined) : undefined,
    ),
  );
  const leaders = launched.filter(({ plan, daemon }) => {
    const votes = answers.filter((answer) => answer === `${LOOPBACK}:${plan.ports.rpc}`).length;
    return daemon.running() && votes > launched.length / 2;
  });
  return leaders[0]?.server;
}

async function launch(
  options: ConsulOptions,
  ports: readonly number[],
): Promise<ConsulCluster & { first: ConsulServer }> {
  const folder = makeFolder('consul');
  const each = portsOf(ports);
  const shared = {
    folder,
    options,
    tls: await activeTls(folder, options),
    token: options.acl ? randomUUID() : undefined,
    everyGossipPort: each.map(({ gossip }) => gossip),
  };
  const plans = each.map((own, index) => ({ ...shared, name: `consul${index + 1}`, ports: own }));
  const launched = await Promise.all(plans.map(prepare));
  const daemons = launched.map(({ daemon }) => daemon);
  const members = launched.map(({ server }) => server);
  const [firstPlan] = plans;
  const [first] = members;
  if (firstPlan === undefined || first === undefined) throw new RangeError('a Consul member takes four ports');
  await startTogether(folder, daemons);
  await orKeepLogs(folder, daemons, () => until('all Consul members know each other', () => allKnowAll(plans)));
  return {
    ...clientOf(firstPlan),
    first,
    members,
    httpAddresses: members.map(({ httpAddress }) => httpAddress),
    leader: (withinMs = 15_000) => until('one Consul leader', () => findLeader(launched), { withinMs, everyMs: 50 }),
    stop: async () => {
      await Promise.all(daemons.map((daemon) => (daemons.length > 1 ? daemon.kill() : daemon.end())));
      await removeFolder(folder);
    },
  };
}

/** Always with a data folder: agents in dev mode do not form a cluster. */
export function startConsulCluster(size: number, options: Omit<ConsulOptions, 'mode'> = {}): Promise<ConsulCluster> {
  const stored: ConsulOptions = { ...options, mode: 'server' };
  if (options.ports) return launch(stored, options.ports);
  return onFreePorts(size * PORTS_PER_MEMBER, (free) => launch(stored, free));
}

export async function startConsul(options: ConsulOptions = {}): Promise<ConsulServer> {
  const { ports } = options;
  const alone = await (ports ? launch(options, ports) : onFreePorts(PORTS_PER_MEMBER, (free) => launch(options, free)));
  return Object.assign(alone.first, { stop: () => alone.stop() });
}
