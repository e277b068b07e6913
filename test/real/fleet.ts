import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ClusterNodeOptions, NodeState, Timing } from '@autocluster/core';
import { until } from '../servers/harness/index.ts';

const WORKER = fileURLToPath(new URL('./worker.mjs', import.meta.url));

export type StoreSpec = { readonly folder: string } | { readonly hosts: readonly string[] };

export interface Trap {
  readonly point: 'register' | 'lock' | 'create' | 'work' | 'commit' | 'release' | 'join' | 'committed';
  readonly when: 'before' | 'during' | 'after';
  readonly signal: 'SIGKILL' | 'SIGSTOP';
  /** The first process that gets there leaves its name in this file. */
  readonly claim: string;
}

export interface NodeSpec {
  readonly node: string;
  readonly cluster: string;
  readonly store: StoreSpec;
  readonly options: Partial<Omit<ClusterNodeOptions, 'backend' | 'driver' | 'onEvent'>>;
  readonly trap?: Trap | undefined;
  /** The folder of all daemons' data; without it the daemon is the process itself. */
  readonly durable?: string | undefined;
  /** `onCreate` goes on so long unless it is aborted. */
  readonly longWorkMs?: number | undefined;
}

export interface Told {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly atMs: number;
}

/** One process with one node in it, which can be used for one node after another. */
export class Worker {
  readonly child: ChildProcess;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  node = '';
  told: Told[] = [];
  errors = '';

  constructor() {
    this.child = fork(WORKER, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    this.child.stderr?.on('data', (text) => (this.errors += String(text)));
    this.child.on('message', (message: Omit<Told, 'atMs'>) => this.told.push({ ...message, atMs: performance.now() }));
    // A message to a process that has just ended is no failure of the test.
    this.child.on('error', () => undefined);
    this.exited = new Promise((resolve) => this.child.once('exit', (code, signal) => resolve({ code, signal })));
  }

  get ended(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  all(event: string): readonly Told[] {
    return this.told.filter((each) => each.event === event);
  }

  last(event: string): Told | undefined {
    return this.told.findLast((each) => each.event === event);
  }

  waitFor(event: string, withinMs = 30_000): Promise<Told> {
    return this.until(event, () => this.last(event), withinMs);
  }

  async until<T>(what: string, look: () => T | undefined, withinMs = 30_000): Promise<T> {
    try {
      return (await until(`${this.node}: ${what}`, look, { withinMs, everyMs: 5 })) as T;
    } catch (error) {
      const story = this.told.slice(-25).map(({ event, data }) => `${event} ${JSON.stringify(data)}`);
      throw new Error(`${String(error)}\n${story.join('\n')}\n${this.errors}`, { cause: error });
    }
  }

  order(order: string, rest: object = {}): void {
    if (this.child.connected) this.child.send({ order, ...rest });
  }

  async prepare(spec: NodeSpec): Promise<Timing> {
    this.node = spec.node;
    this.told = [];
    this.order('prepare', spec);
    return (await this.waitFor('prepared')).data as unknown as Timing;
  }

  /** The node formed, in a cluster that it names. */
  async formed(withinMs = 30_000): Promise<Extract<NodeState, { kind: 'formed' }>> {
    const { data } = await this.waitFor('started', withinMs);
    return data as unknown as Extract<NodeState, { kind: 'formed' }>;
  }

  async report(): Promise<{ readonly state: NodeState }> {
    const before = this.all('report').length;
    this.order('report');
    const answer = await this.until('report', () => this.all('report')[before]);
    return answer.data as unknown as { readonly state: NodeState };
  }

  get readySeen(): readonly string[] {
    return (this.last('view.changed')?.data['ready'] as string[] | undefined) ?? [];
  }

  async stop(): Promise<void> {
    if (this.ended) return;
    this.order('stop');
    await this.waitFor('stopped');
  }

  kill(): void {
    if (!this.ended) this.child.kill('SIGKILL');
  }
}

/** Processes of one test; they end with it. */
export class Fleet {
  readonly workers: Worker[] = [];
  readonly folder = mkdtempSync(join(tmpdir(), 'autocluster-real-'));

  async launch(count: number): Promise<readonly Worker[]> {
    const launched = Array.from({ length: count }, () => new Worker());
    this.workers.push(...launched);
    await Promise.all(launched.map((worker) => worker.waitFor('loaded')));
    return launched;
  }

  /** Each worker gets its own node, and all of them start at the same moment. */
  async prepare(workers: readonly Worker[], spec: Omit<NodeSpec, 'node'>): Promise<Timing> {
    const timings = await Promise.all(
      workers.map((worker, index) => worker.prepare({ ...spec, node: `node-${index + 1}` })),
    );
    const [timing] = timings;
    if (!timing) throw new RangeError('no workers');
    return timing;
  }

  start(workers: readonly Worker[], rest: object = {}): void {
    for (const worker of workers) worker.order('start', rest);
  }

  /** The worker that the trap caught. */
  async caught({ claim }: Trap, workers: readonly Worker[], withinMs = 30_000): Promise<Worker> {
    const name = await until(`${claim} is claimed`, () => readFileSync(claim, 'utf8') || undefined, {
      withinMs,
      everyMs: 5,
    });
    const worker = workers.find(({ node }) => node === name);
    if (!worker) throw new Error(`${name} is nobody`);
    return worker;
  }

  async end(): Promise<void> {
    for (const worker of this.workers) worker.kill();
    await Promise.all(this.workers.map(({ exited }) => exited));
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }
}
