import { randomUUID } from 'node:crypto';
import { chmod, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type CommandOptions, type CommandResult, runCommand } from './command.ts';
import { controlsOf, Daemon, orKeepLogs, type ServerControls } from './daemon.ts';
import { accepts, type Epmd, startEpmd } from './epmd.ts';
import { makeFolder, removeFolder } from './folder.ts';
import { requireServer } from './lookup.ts';
import { LOOPBACK, onFreePorts, portAt } from './ports.ts';

export interface RabbitmqOptions {
  /** Default `rabbit<port>@127.0.0.1`; a dot in the host part means long names. */
  readonly nodename?: string;
  readonly cookie?: string;
  /** Nodes that are to see each other share one, from `startEpmd`. Default: one of its own. */
  readonly epmd?: Epmd;
  /** Lines of rabbitmq.conf. */
  readonly config?: readonly string[];
  readonly plugins?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly readyWithinMs?: number;
  /** Instead of free ports: AMQP, then Erlang distribution. A taken one is then an error. */
  readonly ports?: readonly number[];
}

export interface RabbitmqNode extends ServerControls {
  readonly nodename: string;
  readonly cookie: string;
  readonly amqpPort: number;
  readonly distPort: number;
  readonly epmd: Epmd;
  readonly folder: string;
  /** RabbitMQ's own scripts: they run as the calling user, unlike Debian's commands. */
  readonly scripts: string;
  /** With these variables any script or erl_call talks to this node. */
  readonly environment: Readonly<Record<string, string>>;
  rabbitmqctl(args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
}

interface Plan {
  readonly nodename: string;
  readonly cookie: string;
  readonly amqpPort: number;
  readonly distPort: number;
  readonly folder: string;
  readonly epmd: Epmd;
  readonly scripts: string;
  readonly options: RabbitmqOptions;
}

const hasLongName = (nodename: string) => (nodename.split('@')[1] ?? '').includes('.');
const LOOPBACK_ONLY = `-kernel inet_dist_use_interface {${LOOPBACK.replaceAll('.', ',')}}`;

export type BrokerPlace = Pick<Plan, 'nodename' | 'amqpPort' | 'distPort' | 'folder' | 'epmd'>;

/** With these variables a broker keeps to its folder, its ports and the loopback interface. */
export function brokerEnvironment({
  nodename,
  amqpPort,
  distPort,
  folder,
  epmd,
}: BrokerPlace): Readonly<Record<string, string>> {
  return {
    HOME: folder,
    // Else it is left wherever the tests were started.
    ERL_CRASH_DUMP: join(folder, 'erl_crash.dump'),
    ERL_EPMD_PORT: String(epmd.port),
    // A command that is still on its way when the port mapper ends would start one that outlives the tests.
    ERL_FLAGS: '-start_epmd false',
    RABBITMQ_NODENAME: nodename,
    RABBITMQ_USE_LONGNAME: String(hasLongName(nodename)),
    RABBITMQ_NODE_IP_ADDRESS: LOOPBACK,
    RABBITMQ_NODE_PORT: String(amqpPort),
    RABBITMQ_DIST_PORT: String(distPort),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: LOOPBACK_ONLY,
    RABBITMQ_CTL_ERL_ARGS: LOOPBACK_ONLY,
    // The default of eleven ports is the number of rabbitmqctl that can run at once on a machine.
    RABBITMQ_CTL_DIST_PORT_MIN: '33000',
    RABBITMQ_CTL_DIST_PORT_MAX: '60000',
    RABBITMQ_MNESIA_BASE: join(folder, 'mnesia'),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    RABBITMQ_GENERATED_CONFIG_DIR: join(folder, 'generated'),
    RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq.conf'),
    RABBITMQ_CONF_ENV_FILE: join(folder, 'rabbitmq-env.conf'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
    RABBITMQ_PID_FILE: join(folder, 'rabbitmq.pid'),
    RABBITMQ_LOGS: '-',
  };
}

export async function writeBrokerFiles(
  folder: string,
  options: Pick<RabbitmqOptions, 'config' | 'plugins'>,
): Promise<void> {
  await Promise.all([
    writeFile(join(folder, 'rabbitmq.conf'), ['loopback_users.guest = true', ...(options.config ?? []), ''].join('\n')),
    writeFile(join(folder, 'rabbitmq-env.conf'), ''),
    writeFile(join(folder, 'enabled_plugins'), `[${(options.plugins ?? []).join(',')}].\n`),
  ]);
}

function prepare(plan: Plan): { daemon: Daemon; node: Omit<RabbitmqNode, keyof ServerControls> } {
  const { options, folder, scripts, amqpPort, nodename, cookie, distPort, epmd } = plan;
  const environment = { ...brokerEnvironment(plan), ...options.env };
  const rabbitmqctl = (args: readonly string[], { env, ...rest }: CommandOptions = {}) =>
    runCommand(join(scripts, 'rabbitmqctl'), args, { ...rest, env: { ...environment, ...env } });
  const daemon = new Daemon({
    name: nodename,
    command: join(scripts, 'rabbitmq-server'),
    args: [],
    // Makes the script become the server, so that our process id is the server's own.
    env: { ...environment, RUNNING_UNDER_SYSTEMD: 'true' },
    logFile: join(folder, 'server.log'),
    // The port opens at the end of the boot; asking by rabbitmqctl before that costs half a second each time.
    ready: async () => (await accepts(amqpPort)) && (await rabbitmqctl(['await_startup'])).exitCode === 0,
    readyWithinMs: options.readyWithinMs ?? 90_000,
    stopWithinMs: 15_000,
  });
  return { daemon, node: { nodename, cookie, amqpPort, distPort, epmd, folder, scripts, environment, rabbitmqctl } };
}

async function launch(options: RabbitmqOptions, epmd: Epmd, ports: readonly number[]): Promise<RabbitmqNode> {
  const amqpPort = portAt(ports, 0);
  const plan: Plan = {
    nodename: options.nodename ?? `rabbit${amqpPort}@${LOOPBACK}`,
    cookie: options.cookie ?? randomUUID().replaceAll('-', ''),
    amqpPort,
    distPort: portAt(ports, 1),
    folder: makeFolder('rabbitmq'),
    epmd,
    scripts: dirname(requireServer('rabbitmq')),
    options,
  };
  const cookieFile = join(plan.folder, '.erlang.cookie');
  await writeFile(cookieFile, plan.cookie);
  await chmod(cookieFile, 0o400);
  await writeBrokerFiles(plan.folder, options);
  const { daemon, node } = prepare(plan);
  await orKeepLogs(plan.folder, [daemon], () => daemon.start());
  const stop = async () => {
    // Not gracefully, which takes seconds: the data goes anyway.
    await daemon.kill();
    await removeFolder(plan.folder);
    if (options.epmd === undefined) await epmd.stop();
  };
  return Object.assign(controlsOf(daemon, stop), node, { stop });
}

export async function startRabbitmq(options: RabbitmqOptions = {}): Promise<RabbitmqNode> {
  const epmd = options.epmd ?? (await startEpmd());
  try {
    if (options.ports) return await launch(options, epmd, options.ports);
    return await onFreePorts(2, (free) => launch(options, epmd, free));
  } catch (error) {
    if (options.epmd === undefined) await epmd.stop();
    throw error;
  }
}
