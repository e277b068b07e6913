import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { until } from '../../servers/harness/index.ts';

const WORKER = fileURLToPath(new URL('./worker.mjs', import.meta.url));

export interface Setup {
  readonly store: { readonly folder: string } | { readonly hosts: readonly string[] };
  readonly cluster: string;
  readonly ttlMs: number;
}

export interface Strike {
  readonly moment: string;
  readonly signal: 'SIGKILL' | 'SIGSTOP';
}

interface Told {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** One process with a node, and what it told. */
export class Member {
  readonly told: Told[] = [];
  readonly name: string;
  readonly #child: ChildProcess;
  #errors = '';

  constructor(setup: Setup, name: string, more: { readonly strike?: Strike; readonly file?: string } = {}) {
    this.name = name;
    const argument = JSON.stringify({ ...setup, name, ...more });
    this.#child = fork(WORKER, [argument], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    this.#child.stderr?.on('data', (text) => (this.#errors += String(text)));
    this.#child.on('message', (message: Told) => this.told.push(message));
  }

  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  get killedBy(): string | null {
    return this.#child.signalCode;
  }

  last(event: string): Readonly<Record<string, unknown>> | undefined {
    return this.told.findLast((each) => each.event === event)?.data;
  }

  count(event: string): number {
    return this.told.filter((each) => each.event === event).length;
  }

  async loaded(): Promise<this> {
    await this.sees('loaded');
    return this;
  }

  start(): void {
    this.#child.send('start');
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async sees(event: string, withinMs = 30_000): Promise<void> {
    await until(`${this.name} tells ${event}`, () => this.count(event) > 0, { withinMs }).catch((error: unknown) => {
      const last = JSON.stringify(this.told.slice(-6));
      throw new Error(`${this.name} did not tell ${event} within ${withinMs} ms; last: ${last}\n${this.#errors}`, {
        cause: error,
      });
    });
  }

  /** The cluster in which it is formed. */
  async formed(withinMs?: number): Promise<string> {
    await this.sees('formed', withinMs);
    return JSON.stringify(this.last('formed')?.['identity']);
  }

  async exits(): Promise<void> {
    await until(`${this.name} has ended`, () => this.ended, { withinMs: 30_000 });
  }

  /** Orderly, and then for certain. */
  async end(): Promise<void> {
    if (this.ended) return;
    this.#child.kill('SIGCONT');
    if (this.#child.connected) this.#child.send('stop');
    await this.exits().catch(() => this.#child.kill('SIGKILL'));
  }
}
