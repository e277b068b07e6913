import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { CommandName, Commands, Reply, Request } from './protocol.ts';

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A process that runs nodes or takes locks on command, so that only messages are shared with the others. */
export class Worker {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  readonly #ready: Promise<void>;
  #next = 1;

  constructor() {
    const file = fileURLToPath(new URL('worker.ts', import.meta.url));
    this.#child = fork(file, { execArgv: ['--import', 'tsx'], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    let ready: () => void = () => undefined;
    this.#ready = new Promise((resolve) => (ready = resolve));
    this.#child.on('message', (reply: Reply) => {
      if ('ready' in reply) ready();
      else this.#settle(reply);
    });
    this.#child.on('exit', (code) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`a worker ended with ${code}`));
    });
  }

  #settle(reply: Exclude<Reply, { ready: true }>): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if ('error' in reply) waiting?.reject(new Error(reply.error));
    else waiting?.resolve(reply.answer);
  }

  async ask<K extends CommandName>(command: K, ask: Commands[K]['ask']): Promise<Commands[K]['answer']> {
    await this.#ready;
    const id = this.#next;
    this.#next += 1;
    const request: Request<K> = { id, command, ask };
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: (answer) => resolve(answer as Commands[K]['answer']), reject });
      this.#child.send(request);
    });
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}

export async function withWorkers<T>(count: number, run: (workers: readonly Worker[]) => Promise<T>): Promise<T> {
  const workers = Array.from({ length: count }, () => new Worker());
  try {
    return await run(workers);
  } finally {
    await Promise.all(workers.map((worker) => worker.end()));
  }
}
