import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, statSync, readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { requirePid } from './command.ts';
import { keepOnlyLogs } from './folder.ts';
import { lookUp } from './lookup.ts';
import { until } from './poll.ts';
import { PortTakenError, saysPortTaken } from './ports.ts';
import { reapChild } from './reaper.ts';

export interface DaemonSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly logFile: string;
  /** The server's own readiness endpoint; an error means "not yet". */
  readonly ready: () => Promise<boolean>;
  readonly readyWithinMs?: number;
  readonly stopSignal?: NodeJS.Signals;
  readonly stopWithinMs?: number;
}

/** The verbs that every server of the harness has. */
export interface ServerControls {
  readonly pid: number;
  readonly logFile: string;
  running(): boolean;
  /** Ends the server and removes its folder. Final. */
  stop(): Promise<void>;
  /** SIGKILL; data and ports stay for `restart`. */
  kill(): Promise<void>;
  /** SIGSTOP. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /** The same ports and data, also after `kill`. Resolves when the server is ready again. */
  restart(): Promise<void>;
}

const PAUSE_LIMIT_MS = 1_000;

/** The signal is delivered to each thread by itself: until all have stopped, the server may still answer. */
function waitUntilStopped(pid: number): void {
  if (process.platform !== 'linux') return;
  const isStopped = (thread: string) => /\) [Tt] /.test(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8'));
  const end = performance.now() + PAUSE_LIMIT_MS;
  while (performance.now() < end) {
    try {
      if (readdirSync(`/proc/${pid}/task`).every(isStopped)) return;
    } catch {
      // A thread ended while we looked.
    }
  }
}

// The kernel ends the server even when this process is killed with SIGKILL and no exit hook runs.
function withParentDeathSignal(spec: DaemonSpec): { command: string; args: readonly string[] } {
  const setpriv = process.platform === 'linux' ? lookUp('setpriv') : undefined;
  if (setpriv === undefined) return spec;
  return { command: setpriv, args: ['--pdeathsig', 'KILL', spec.command, ...spec.args] };
}

/** One server process: started, watched until it is ready, and ended by its own id only. */
export class Daemon {
  readonly spec: DaemonSpec;
  #child: ChildProcess | undefined;
  #pid = 0;
  #logStart = 0;

  constructor(spec: DaemonSpec) {
    this.spec = spec;
  }

  get pid(): number {
    return this.#pid;
  }

  running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async start(): Promise<void> {
    if (this.running()) return;
    this.#spawn();
    try {
      await this.#becomeReady();
    } catch (error) {
      await this.kill();
      throw this.#startError(error);
    }
  }

  async end(): Promise<void> {
    const { stopSignal = 'SIGTERM', stopWithinMs = 5000 } = this.spec;
    this.resume();
    if (!this.#signal(stopSignal)) return;
    const bound = setTimeout(() => this.#signal('SIGKILL'), stopWithinMs);
    try {
      await this.#exit();
    } finally {
      clearTimeout(bound);
    }
  }

  async kill(): Promise<void> {
    if (this.#signal('SIGKILL')) await this.#exit();
  }

  pause(): void {
    if (this.#signal('SIGSTOP')) waitUntilStopped(this.pid);
  }

  resume(): void {
    this.#signal('SIGCONT');
  }

  log(): string {
    return readFileSync(this.spec.logFile, 'utf8');
  }

  #spawn(): void {
    const { command, args } = withParentDeathSignal(this.spec);
    const log = openSync(this.spec.logFile, 'a');
    try {
      this.#logStart = statSync(this.spec.logFile).size;
      const env = { ...process.env, ...this.spec.env };
      const child = spawn(command, args, { env, stdio: ['ignore', log, log] });
      this.#pid = requirePid(child, this.spec.command);
      reapChild(child);
      this.#child = child;
    } finally {
      closeSync(log);
    }
  }

  async #becomeReady(): Promise<void> {
    const { name, ready, readyWithinMs = 30_000 } = this.spec;
    const over = new AbortController();
    const stopLooking = () => over.abort(new Error(`${name} ended before it was ready`));
    this.#child?.once('exit', stopLooking);
    try {
      await until(`${name} is ready`, ready, { withinMs: readyWithinMs, signal: over.signal });
      // Whoever took our port may have answered in our place.
      over.signal.throwIfAborted();
    } catch (error) {
      throw over.signal.aborted ? over.signal.reason : error;
    } finally {
      this.#child?.off('exit', stopLooking);
    }
  }

  #startError(cause: unknown): Error {
    const written = readFileSync(this.spec.logFile).subarray(this.#logStart).toString('utf8');
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `${reason}; log: ${this.spec.logFile}\n${written.slice(-2000)}`;
    const folder = dirname(this.spec.logFile);
    return saysPortTaken(written) ? new PortTakenError(message, { folder, cause }) : new Error(message, { cause });
  }

  #signal(name: NodeJS.Signals): boolean {
    return this.running() && this.#child?.kill(name) === true;
  }

  #exit(): Promise<void> {
    return new Promise((resolve) => {
      if (!this.running()) resolve();
      else this.#child?.once('exit', () => resolve());
    });
  }
}

/** The common verbs over one daemon; `remove` is what is left to do after the end of the process. */
export function controlsOf(daemon: Daemon, remove: () => Promise<void>): ServerControls {
  return {
    get pid() {
      return daemon.pid;
    },
    logFile: daemon.spec.logFile,
    running: () => daemon.running(),
    stop: async () => {
      await daemon.end();
      await remove();
    },
    kill: () => daemon.kill(),
    pause: () => daemon.pause(),
    resume: () => daemon.resume(),
    restart: async () => {
      await daemon.end();
      await daemon.start();
    },
  };
}

/** Starts servers that need each other; when one fails, all end, and only the logs stay in the folder. */
export async function startTogether(folder: string, daemons: readonly Daemon[]): Promise<void> {
  await orKeepLogs(folder, daemons, () => Promise.all(daemons.map((daemon) => daemon.start())));
}

export async function orKeepLogs<T>(folder: string, daemons: readonly Daemon[], work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await Promise.all(daemons.map((daemon) => daemon.kill()));
    await keepOnlyLogs(
      folder,
      daemons.map((daemon) => daemon.spec.logFile),
    );
    throw error;
  }
}
