import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RabbitmqNodeOptions } from '@autocluster/rabbitmq';
import { parseClusterStatus } from '../../../packages/rabbitmq/src/parse.js';
import {
  brokerEnvironment,
  type CommandResult,
  type Epmd,
  freePorts,
  makeFolder,
  removeFolder,
  runCommand,
  startEpmd,
  until,
  writeBrokerFiles,
} from '../../servers/harness/index.ts';
import { requireServer } from '../../servers/harness/lookup.ts';
import { reapChild } from '../../servers/harness/reaper.ts';

const PROGRAM = fileURLToPath(new URL('./node.mjs', import.meta.url));

/** `kind` names the backend; the rest are its options. */
export interface StoreSpec {
  readonly kind: 'etcd' | 'consul' | 'kubernetes';
  readonly cluster: string;
  readonly [option: string]: unknown;
}

export interface NodeSpec {
  /** The part before the `@`. */
  readonly name: string;
  /** The part after it. Default: this machine's loopback address. */
  readonly host?: string | undefined;
  readonly store: StoreSpec;
  readonly options?: Omit<RabbitmqNodeOptions, 'backend' | 'rabbitmq'>;
  readonly cookie?: string;
  readonly ask?: 'erl_call' | 'rabbitmqctl';
  /** Lines of rabbitmq.conf. */
  readonly config?: readonly string[];
  readonly plugins?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface Told {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly atMs: number;
}

export interface Status {
  readonly members: readonly string[];
  readonly running: readonly string[];
}

/** One node with its place on this machine: each `start` is another run of it. */
export class RabbitNode {
  readonly spec: NodeSpec;
  readonly nodename: string;
  readonly amqpPort: number;
  readonly healthPort: number;
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
  told: Told[] = [];
  #child: ChildProcess | undefined;
  #exit: Promise<number> = Promise.resolve(0);

  constructor(
    spec: NodeSpec,
    place: { readonly folder: string; readonly epmd: Epmd; readonly ports: readonly number[] },
  ) {
    const { folder, epmd, ports } = place;
    const [amqpPort = 0, distPort = 0, healthPort = 0] = ports;
    this.spec = spec;
    this.nodename = `${spec.name}@${spec.host ?? '127.0.0.1'}`;
    this.amqpPort = amqpPort;
    this.healthPort = healthPort;
    this.folder = folder;
    const broker = brokerEnvironment({ nodename: this.nodename, amqpPort, distPort, folder, epmd });
    this.environment = { ...broker, ...spec.env };
  }

  get scripts(): string {
    return dirname(requireServer('rabbitmq'));
  }

  /** The cookie as a mounted secret would hold it. */
  get secret(): string {
    return join(this.folder, 'secret');
  }

  get logFile(): string {
    return join(this.folder, 'output.log');
  }

  /** Its exit status, as a shell would see it. */
  get exited(): Promise<number> {
    return this.#exit;
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  start(more: Partial<NodeSpec> = {}): void {
    const { options, store, ask } = { ...this.spec, ...more };
    const rabbitmq = { scripts: this.scripts, cookieFile: this.secret, ask };
    const log = openSync(this.logFile, 'a');
    const http = { port: this.healthPort };
    const env = { ...process.env, ...this.environment };
    const child = spawn(process.execPath, [PROGRAM, JSON.stringify({ store, options, rabbitmq, http })], {
      env,
      stdio: ['ignore', log, log, 'ipc'],
    });
    closeSync(log);
    reapChild(child);
    this.told = [];
    child.on('message', (message: Omit<Told, 'atMs'>) => this.told.push({ ...message, atMs: performance.now() }));
    child.on('error', () => undefined);
    this.#exit = new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? (signal ? 128 : 1))));
    this.#child = child;
  }

  /** Not longer than it runs: what has ended will not do what is waited for. */
  async until<T>(what: string, look: () => T | undefined | Promise<T | undefined>, withinMs = 240_000): Promise<T> {
    const ended = new AbortController();
    const end = (status: number) => ended.abort(new Error(`${this.nodename}: ${what}: it ended with status ${status}`));
    if (this.running) void this.exited.then(end);
    try {
      return (await until(`${this.nodename}: ${what}`, look, { withinMs, everyMs: 50, signal: ended.signal })) as T;
    } catch (error) {
      const story = this.told.slice(-30).map(({ event, data }) => `${event} ${JSON.stringify(data)}`);
      const why: unknown = ended.signal.aborted ? ended.signal.reason : error;
      throw new Error(`${String(why)}\n${story.join('\n')}\n${this.log().slice(-3000)}`, { cause: error });
    }
  }

  log(): string {
    return readFileSync(this.logFile, 'utf8');
  }

  last(event: string, holds: (data: Told['data']) => boolean = () => true): Told | undefined {
    return this.told.findLast((each) => each.event === event && holds(each.data));
  }

  state(kind: string): Told | undefined {
    return this.last('state.changed', (data) => data['kind'] === kind);
  }

  formed(withinMs?: number): Promise<Told> {
    return this.until('is formed', () => this.state('formed'), withinMs);
  }

  /** Formed, and its broker takes clients. The first node of a cluster is formed before it serves. */
  async serves(withinMs?: number): Promise<void> {
    await this.formed(withinMs);
    await this.until('serves', async () => (await allReady([this])) || undefined, withinMs);
  }

  /** What it answers to a platform or a monitor. */
  async answers(path: string): Promise<{ readonly status: number; readonly body: string }> {
    const response = await fetch(`http://127.0.0.1:${this.healthPort}${path}`);
    return { status: response.status, body: await response.text() };
  }

  command(command: string, args: readonly string[]): Promise<CommandResult> {
    return runCommand(join(this.scripts, command), args, { env: this.environment });
  }

  rabbitmqctl(args: readonly string[]): Promise<CommandResult> {
    return this.command('rabbitmqctl', args);
  }

  /** The broker and the program that runs it, as when the machine loses its power. */
  async kill(): Promise<void> {
    const broker = Number(readFileSync(this.environment['RABBITMQ_PID_FILE'] ?? '', 'utf8'));
    this.#child?.kill('SIGKILL');
    process.kill(broker, 'SIGKILL');
    await this.exited;
  }

  async stop(): Promise<number> {
    this.#child?.kill('SIGTERM');
    return this.exited;
  }

  /** Its disk is replaced by an empty one. */
  async wipe(): Promise<void> {
    await rm(join(this.folder, 'mnesia'), { recursive: true, force: true });
  }
}

/** Nodes that can see each other: one port mapper, one cookie, one folder for all. */
export class RabbitFleet {
  readonly cookie = `cookie-of-${process.pid}`;
  readonly folder = makeFolder('rabbitmq-fleet');
  readonly nodes: RabbitNode[] = [];
  readonly epmd = startEpmd();

  async place(spec: NodeSpec): Promise<RabbitNode> {
    const folder = makeFolder(`rabbitmq-${spec.name}`);
    await writeBrokerFiles(folder, spec);
    const place = { folder, epmd: await this.epmd, ports: await freePorts(3) };
    const node = new RabbitNode(spec, place);
    writeFileSync(node.secret, spec.cookie ?? this.cookie, { mode: 0o400 });
    this.nodes.push(node);
    return node;
  }

  async start(...specs: readonly NodeSpec[]): Promise<readonly RabbitNode[]> {
    const nodes = await Promise.all(specs.map((spec) => this.place(spec)));
    for (const node of nodes) node.start();
    return nodes;
  }

  async end(): Promise<void> {
    // Not gracefully, which takes seconds: the data goes anyway.
    await Promise.all(this.nodes.filter((node) => node.running).map((node) => node.kill().catch(() => node.stop())));
    await (await this.epmd).stop();
    await Promise.all([this.folder, ...this.nodes.map(({ folder }) => folder)].map(removeFolder));
  }
}

/** What the broker's own command says. */
export async function statusOf(node: Pick<RabbitNode, 'rabbitmqctl'>): Promise<Status> {
  const { stdout, stderr, exitCode } = await node.rabbitmqctl(['cluster_status', '--formatter', 'json']);
  if (exitCode !== 0) throw new Error(`cluster_status ended with ${exitCode}: ${stderr}`);
  const { members, running } = parseClusterStatus(stdout);
  return { members: [...members].sort(), running: [...running].sort() };
}

export async function allReady(nodes: readonly RabbitNode[]): Promise<boolean> {
  return (await Promise.all(nodes.map((node) => node.answers('/readyz')))).every(({ status }) => status === 200);
}

/** By what each of them reports of itself and of its cluster. */
export async function allHealthy(nodes: readonly RabbitNode[]): Promise<boolean> {
  const reports = await Promise.all(nodes.map((node) => node.answers('/health')));
  return reports.every(({ status, body }) => status === 200 && JSON.parse(body).status === 'ok');
}

/** All of them are members of one cluster, and all of them run, by what the broker's own command says on each. */
export async function oneCluster(nodes: readonly RabbitNode[]): Promise<boolean> {
  const names = nodes.map(({ nodename }) => nodename).sort();
  const told = await Promise.all(nodes.map((node) => statusOf(node)));
  return told.every((each) => JSON.stringify(each) === JSON.stringify({ members: names, running: names }));
}
