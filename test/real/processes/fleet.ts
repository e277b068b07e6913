import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ClusterNodeOptions, ClusterView, NodeState, Timing } from '@autocluster/core';
import { makeFolder, removeFolder, until } from '../../servers/harness/index.ts';
import type { StoreSpec } from '../stores.ts';

const WORKER = fileURLToPath(new URL('./worker.mjs', import.meta.url));

/** What a node takes at most for one step that no TTL bounds, on a machine that has other work too. */
const SLOW_MS = 30_000;
/** What a process takes at most to start, beside seven others, where it comes last. */
const LOAD_MS = 120_000;
/** What a stop and the end of its process take at most: the node's own 5 s, and some for a busy machine. */
const END_MS = 12_000;

export type Moment =
  | 'before register'
  | 'holding the lock, before create'
  | 'after create, before the record'
  | 'while joining'
  | 'while releasing'
  | 'after the record, before ready'
  | 'after marking'
  | 'while forgetting';

export interface NodeSpec {
  readonly node: string;
  readonly cluster: string;
  readonly store: StoreSpec;
  readonly options: Partial<Omit<ClusterNodeOptions, 'backend' | 'driver' | 'onEvent'>>;
  /** The process strikes itself at this moment. */
  readonly strike?: { readonly moment: Moment; readonly signal: 'SIGKILL' | 'SIGSTOP' };
  /** Where the daemon keeps its data; without it the daemon is the process itself and has none. */
  readonly file?: string;
}

export interface Told {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly atMs: number;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

type Formed = Extract<NodeState, { kind: 'formed' }>;

/** One process with one node in it, which can be used for one node after another. */
export class Worker {
  readonly exited: Promise<Ended>;
  readonly #child: ChildProcess;
  node = '';
  told: Told[] = [];
  errors = '';

  constructor() {
    this.#child = fork(WORKER, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    this.#child.stderr?.on('data', (text) => (this.errors += String(text)));
    this.#child.on('message', (message: Omit<Told, 'atMs'>) => this.told.push({ ...message, atMs: performance.now() }));
    // A message to a process that has just ended is no failure of the test.
    this.#child.on('error', () => undefined);
    this.exited = new Promise((resolve) => this.#child.once('exit', (code, signal) => resolve({ code, signal })));
  }

  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  all(event: string): readonly Told[] {
    return this.told.filter((each) => each.event === event);
  }

  last(event: string): Told | undefined {
    return this.told.findLast((each) => each.event === event);
  }

  waitFor(event: string, withinMs?: number): Promise<Told> {
    return this.until(event, () => this.last(event), withinMs);
  }

  async until<T>(what: string, look: () => T | undefined, withinMs = SLOW_MS): Promise<T> {
    try {
      return (await until(`${this.node}: ${what}`, look, { withinMs, everyMs: 5 })) as T;
    } catch (error) {
      const story = this.told.slice(-25).map(({ event, data }) => `${event} ${JSON.stringify(data)}`);
      throw new Error(`${String(error)}\n${story.join('\n')}\n${this.errors}`, { cause: error });
    }
  }

  order(order: string, rest: object = {}): void {
    if (this.#child.connected) this.#child.send({ order, ...rest });
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.ended) this.#child.kill(signal);
  }

  async prepare(spec: NodeSpec): Promise<Timing> {
    this.node = spec.node;
    this.told = [];
    this.order('prepare', spec);
    return (await this.waitFor('prepared')).data as unknown as Timing;
  }

  start(): void {
    this.order('start');
  }

  async formed(withinMs?: number): Promise<Formed> {
    return (await this.waitFor('started', withinMs)).data as unknown as Formed;
  }

  async report(): Promise<{ readonly state: NodeState; readonly view: ClusterView }> {
    const before = this.all('report').length;
    this.order('report');
    const { data } = await this.until('report', () => this.all('report')[before]);
    return data as unknown as { readonly state: NodeState; readonly view: ClusterView };
  }

  get readySeen(): readonly string[] {
    return (this.last('view.changed')?.data['ready'] as string[] | undefined) ?? [];
  }

  /** The node has stopped in time; the process stays for the next one. */
  async stop(): Promise<void> {
    this.order('stop');
    await this.waitFor('stopped', END_MS);
  }

  /** The process ends by itself: what has stopped keeps nothing open. */
  async leave(): Promise<void> {
    this.order('letGo');
    await this.until('its process has ended', () => this.ended || undefined, END_MS);
    const { code, signal } = await this.exited;
    if (code !== 0) throw new Error(`${this.node}: its process ended with ${code ?? signal}\n${this.errors}`);
  }
}

/** Processes of one test; they end with it. */
export class Fleet {
  readonly workers: Worker[] = [];
  readonly folder = makeFolder('real');

  async launch(count: number): Promise<readonly Worker[]> {
    const launched = Array.from({ length: count }, () => new Worker());
    this.workers.push(...launched);
    await Promise.all(launched.map((worker) => worker.waitFor('loaded', LOAD_MS)));
    return launched;
  }

  /** A process with this node, which is yet to be started. */
  async node(spec: NodeSpec): Promise<Worker> {
    const [worker] = await this.launch(1);
    if (!worker) throw new RangeError('no worker');
    await worker.prepare(spec);
    return worker;
  }

  /** As many processes as there are names, each with its node. */
  nodes(names: readonly string[], spec: Omit<NodeSpec, 'node'>): Promise<readonly Worker[]> {
    return Promise.all(names.map((node) => this.node({ ...spec, node })));
  }

  /** Every node that still runs stops in time, and its process ends by itself. */
  async retire(): Promise<void> {
    const running = this.workers.filter((worker) => !worker.ended);
    await Promise.all(
      running.map(async (worker) => {
        await worker.stop();
        await worker.leave();
      }),
    );
  }

  async end(): Promise<void> {
    for (const worker of this.workers) worker.signal('SIGKILL');
    await Promise.all(this.workers.map(({ exited }) => exited));
    await removeFolder(this.folder);
  }
}
