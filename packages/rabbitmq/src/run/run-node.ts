import { constants } from 'node:os';
import { type ClusterNode, type ClusterNodeOptions, createClusterNode, type Logger } from '@autocluster/core';
import { invalidRange, invalidType } from '@autocluster/core/driver';
import { type HealthServerOptions, serveHealth } from '@autocluster/core/http';
import { Boot } from '../boot.js';
import { Brokers } from '../broker.js';
import { createCommands } from '../commands.js';
import { type RabbitmqOptions, readOptions } from '../config.js';
import { writeCookie } from '../cookie.js';
import { RabbitmqDriver } from '../driver.js';
import { brokerError, messageOf } from '../errors.js';
import { bootGate, connectGate, installGate } from '../gate.js';
import { isCastOut } from '../view.js';
import { BrokerLink } from './broker-link.js';
import { stderrLogger } from './logger.js';
import { distributionPort, type Server, startServer } from './server.js';

export interface RabbitmqNodeOptions extends Omit<ClusterNodeOptions, 'driver'> {
  /** The broker. */
  readonly rabbitmq?: RabbitmqOptions;
  /** Signals that end the node: it says goodbye to the store, and the broker stops. Default: SIGTERM and SIGINT. */
  readonly signals?: readonly NodeJS.Signals[];
  /** Where `/livez`, `/startupz`, `/readyz`, `/health` and `/metrics` are served, from before the broker boots. Default: nowhere. */
  readonly http?: HealthServerOptions;
}

const DEFAULT_SIGNALS: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT'];
// The system ends or stops a process by these without telling it.
const UNTAKEN: ReadonlySet<unknown> = new Set(['SIGKILL', 'SIGSTOP']);
const FAILED = 1;

type End =
  | { readonly kind: 'signal' }
  | { readonly kind: 'exited' }
  | { readonly kind: 'failed'; readonly error: unknown };

/**
 * Runs one RabbitMQ node of a cluster: starts `rabbitmq-server` as a child, forms or joins the cluster, and keeps the node
 * registered while its broker runs. Clients are let in when the node belongs to its cluster, and not before.
 *
 * Resolves when the broker has ended, with the exit status for this process: the broker's own, or 1 when the node ended
 * because it could not be, or stay, a part of its cluster. Rejects `INVALID_OPTION` before the broker is started.
 */
export async function runRabbitmqNode(options: RabbitmqNodeOptions): Promise<number> {
  const { rabbitmq, signals = DEFAULT_SIGNALS, logger = stderrLogger, http, ...nodeOptions } = options;
  requireSignals(signals);
  const config = readOptions(rabbitmq);
  const port = distributionPort(config.env);
  const link = new BrokerLink();
  const commands = createCommands(config, link);
  const driver = new RabbitmqDriver(config, commands);
  // Its options are checked before a broker is started.
  const node = createClusterNode({ ...nodeOptions, logger, driver });
  // Nothing fails between the health's server and the broker's: whoever rejects leaves nothing running.
  if (config.cookie !== undefined) writeCookie(config.home, config.cookie);
  const health = http && (await serveHealth(node, http));
  const server = startServer(config, port);
  const ending = listen(signals);
  const leave = new AbortController();
  const life = live(node, server, { brokers: new Brokers(config, commands), link, logger }, leave.signal);
  const end = await Promise.race([ending.first, life, endOf(server)]);
  ending.passOn(() => server.stop());
  leave.abort(brokerError('the node stops', { operation: 'stop' }));
  await node.stop();
  if (end.kind === 'failed') logger.error({ error: end.error }, `the node stops: ${messageOf(end.error)}`);
  if (end.kind !== 'exited') server.stop();
  const status = await server.exited;
  ending.stop();
  await health?.close();
  return end.kind === 'failed' && status === 0 ? FAILED : status;
}

function requireSignals(given: readonly unknown[]): void {
  if (!Array.isArray(given)) throw invalidType('signals', given, 'a list of signals');
  const wrong = given.find((name) => UNTAKEN.has(name) || !Object.hasOwn(constants.signals, String(name)));
  if (wrong !== undefined) throw invalidRange('signals', wrong, 'names of signals that a process can take');
}

/** The end of the VM, which has failed when it was never up. */
async function endOf({ exited, up }: Server): Promise<End> {
  await exited;
  return up.then(
    (): End => ({ kind: 'exited' }),
    (error: unknown): End => ({ kind: 'failed', error }),
  );
}

interface OwnBroker {
  readonly brokers: Brokers;
  readonly link: BrokerLink;
  readonly logger: Logger;
}

/** Until the node ends by itself. */
async function live(node: ClusterNode, server: Server, own: OwnBroker, signal: AbortSignal): Promise<End> {
  const { brokers } = own;
  try {
    await server.up;
    await bootBroker(own, signal);
    await node.start();
    // It may end while its broker still boots.
    const { ended } = node;
    const state = await Promise.race([ended, new Boot(brokers).serve(signal).then(() => ended)]);
    throw brokerError(`the node is ${state.kind}`, { operation: 'run', retryable: false });
  } catch (error) {
    return { kind: 'failed', error };
  }
}

/**
 * Starts the broker in its VM, up to where it waits to be told its cluster, or serves the one that it belongs to. One that the
 * other members have removed does not start, and is still known: what becomes of it is a matter of policy.
 */
async function bootBroker({ brokers, link, logger }: OwnBroker, signal: AbortSignal): Promise<void> {
  const { commands } = brokers;
  const { node } = brokers.config;
  await commands.evaluate(node, installGate, signal);
  await link
    .open((path) => commands.evaluate(node, connectGate(path), signal))
    .catch((error: unknown) => logger.info({ error }, `the broker is asked by commands: ${messageOf(error)}`));
  const { state } = await brokers.own(signal);
  await commands.evaluate(node, bootGate(state.joining), signal);
  const probe = await brokers.probe(node, signal);
  if (probe.gate !== 'failed' || isCastOut(probe) || state.joining) return;
  const text = `the broker did not boot: ${probe.failure?.slice(0, 1000)}`;
  throw brokerError(text, { operation: 'start', retryable: false });
}

/** The first of the signals ends the node; every later one goes to the broker at once. */
function listen(signals: readonly NodeJS.Signals[]) {
  let receive: () => void = () => undefined;
  const first = new Promise<End>((resolve) => (receive = () => resolve({ kind: 'signal' })));
  const listener = () => receive();
  for (const signal of signals) process.on(signal, listener);
  return {
    first,
    passOn: (to: () => void) => void (receive = to),
    stop: () => signals.forEach((signal) => process.off(signal, listener)),
  };
}
