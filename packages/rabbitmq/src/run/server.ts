import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { requireWhole } from '@autocluster/core/driver';
import { commandEnvironment } from '../commands.js';
import type { RabbitmqConfig } from '../config.js';
import { brokerError, messageOf } from '../errors.js';

/** The VM of a broker, as our child. */
export interface Server {
  readonly pid: number | undefined;
  /** Resolves when the VM can be talked to; rejects when it ended before that. */
  readonly up: Promise<void>;
  /** Never rejects. Its exit status as a shell would show it. */
  readonly exited: Promise<number>;
  /** Asks the VM to stop the broker, and to end. */
  stop(): void;
}

const UP = 'AUTOCLUSTER_UP';
// The only one that the VM takes for a wish to stop: it ignores others, or dies of them with its broker half stopped.
const STOP = 'SIGTERM';
const DEFAULT_AMQP_PORT = 5672;
const ABOVE_AMQP = 20_000;
const MAX_PORT = 65_535;

/** The port on which the node talks to its peers, chosen as RabbitMQ chooses it. Throws `INVALID_OPTION`. */
export function distributionPort(env: Readonly<Record<string, string | undefined>>): number {
  const portIn = (name: string, otherwise: number, max: number) =>
    requireWhole(name, Number(env[name] || otherwise), { min: 0, max });
  const given = portIn('RABBITMQ_DIST_PORT', 0, MAX_PORT);
  return given > 0 ? given : ABOVE_AMQP + portIn('RABBITMQ_NODE_PORT', DEFAULT_AMQP_PORT, MAX_PORT - ABOVE_AMQP);
}

/** The VM without the broker, which is started when it has been told where it belongs. */
function serverEnvironment(config: RabbitmqConfig, port: number): Record<string, string | undefined> {
  const env = commandEnvironment(config);
  const args = [
    env['RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS'],
    config.longNames ? `-name ${config.node}` : `-sname ${config.node}`,
    `-kernel inet_dist_listen_min ${port} inet_dist_listen_max ${port}`,
    `-run io put_chars ${UP}`,
    // A terminal tells Ctrl-C to the VM as well, which would stop at a menu and ask what to do.
    '+B i',
  ];
  return {
    ...env,
    RABBITMQ_NODE_ONLY: 'true',
    // The script then becomes the VM, so that signals and exit status are the VM's own.
    RUNNING_UNDER_SYSTEMD: 'true',
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: args.filter((text) => text !== undefined && text !== '').join(' '),
  };
}

/** Passes on what the VM prints, without the word by which it says that it is up. */
function watchForUp(child: ChildProcess, isUp: () => void): void {
  let held = '';
  let up = false;
  const passOn = (text: string) => {
    held = '';
    process.stdout.write(text);
  };
  const { stdout } = child;
  stdout?.setEncoding('utf8').on('data', (text: string) => {
    if (up) return passOn(text);
    held += text;
    up = held.includes(UP);
    if (!up) return;
    passOn(held.replace(UP, ''));
    isUp();
  });
  // Of a VM that was never up, the reason.
  stdout?.once('end', () => passOn(held));
}

/** `port`: where the node talks to its peers. */
export function startServer(config: RabbitmqConfig, port: number): Server {
  const program = join(config.scripts, 'rabbitmq-server');
  const child = spawn(program, [], {
    env: serverEnvironment(config, port),
    // Its end of the standard input closes with this process, however that ends.
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = new Promise<number>((resolve) => {
    child.once('error', () => resolve(127));
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
  const up = new Promise<void>((resolve, reject) => {
    watchForUp(child, resolve);
    const fail = (text: string, cause?: unknown) =>
      reject(brokerError(text, { operation: 'start', retryable: false, cause }));
    child.once('error', (cause) => fail(`${program} cannot be started: ${messageOf(cause)}`, cause));
    child.once('exit', (code, signal) => fail(`the VM ended before it was up: ${signal ?? `exit status ${code}`}`));
  });
  // Who does not wait for it any more must not be told.
  up.catch(() => undefined);
  return { pid: child.pid, up, exited, stop: () => void child.kill(STOP) };
}
