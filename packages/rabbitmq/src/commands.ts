import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { addAbortListener } from 'node:events';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { RabbitmqConfig } from './config.js';
import { abortError, brokerError } from './errors.js';
import { parseEvaluated } from './parse.js';

export interface Ran {
  readonly stdout: string;
  readonly stderr: string;
  /** null: a signal ended it. */
  readonly exitCode: number | null;
}

export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly input?: string;
  /** What it has begun goes on without it: an abort only keeps it from being started, and it is waited for to its end. */
  readonly lasting?: boolean;
}

const MAX_OUTPUT_CHARACTERS = 16 * 1024 * 1024;

/** Keeps no process of ours alive any more. */
function letGo(child: ChildProcessWithoutNullStreams): void {
  child.unref();
  for (const stream of [child.stdout, child.stderr]) if (stream instanceof Socket) stream.unref();
}

/** Runs a program to its end. Rejects when it cannot be started, or when the signal ended it. */
export function run(program: Program, signal: AbortSignal, operation: string): Promise<Ran> {
  const { command, args, env, input = '', lasting = false } = program;
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(abortError(signal, operation));
    const ended = lasting ? {} : { signal, killSignal: 'SIGKILL' as const };
    const child = spawn(command, args, { env, stdio: 'pipe', ...ended });
    const listening = addAbortListener(signal, () => (lasting ? letGo(child) : undefined));
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (stdout.length < MAX_OUTPUT_CHARACTERS) stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (stderr.length < MAX_OUTPUT_CHARACTERS) stderr += text;
    });
    child.once('error', (cause) => {
      if (signal.aborted) return reject(abortError(signal, operation));
      reject(brokerError(`${command} cannot be run`, { operation, retryable: false, cause }));
    });
    child.once('close', (exitCode) => {
      listening[Symbol.dispose]();
      if (signal.aborted && !lasting) return reject(abortError(signal, operation));
      resolve({ stdout, stderr, exitCode });
    });
    // Who ends without reading its input has no use for it.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

/** What is true of every command: where the cookie is, and which node is ours. The cookie itself is in a file only. */
export function commandEnvironment({ env, home, node, longNames }: RabbitmqConfig): Record<string, string | undefined> {
  const { RABBITMQ_ERLANG_COOKIE: _cookie, ...rest } = env;
  return { ...rest, HOME: home, RABBITMQ_NODENAME: node, RABBITMQ_USE_LONGNAME: String(longNames) };
}

const shortText = ({ stdout, stderr }: Ran): string => (stderr.trim() || stdout.trim()).slice(-1000);

export interface Asking {
  /** Evaluates Erlang in a node, and answers the value that its JSON holds. */
  evaluate(node: string, expression: string, signal: AbortSignal): Promise<unknown>;
  /** Runs one of RabbitMQ's own commands against a node; rejects unless it succeeds. Answers what it printed. */
  control(
    command: 'rabbitmqctl' | 'rabbitmq-queues',
    node: string,
    args: readonly string[],
    signal: AbortSignal,
  ): Promise<string>;
}

export interface Commands extends Asking {
  /** Whether this way of asking is the cheap one. */
  readonly cheap: boolean;
  /**
   * The same for changes of the membership, which go on in a broker also when nobody waits for them any more: an abort keeps one
   * from being begun, and what was begun settles when it is over.
   */
  readonly lasting: Asking;
}

/** A connection to the own broker, over which it is asked while it is open. */
export interface Link {
  readonly isOpen: boolean;
  /** What the broker prints for the value of the expression. `lasting`: an abort only keeps it from being asked. */
  ask(expression: string, signal: AbortSignal, lasting?: boolean): Promise<string>;
}

/** Of the whole process: whoever asks while the node boots uses other commands than the boot. */
let calls = 0;

/**
 * The ways to a broker: `erl_call`, which speaks Erlang's own protocol, and RabbitMQ's commands; and to one that was started by
 * this process its link.
 */
export function createCommands(config: RabbitmqConfig, link?: Link): Commands {
  const ways = { config, env: commandEnvironment(config), link };
  return { cheap: config.erlCall !== undefined, ...askingOver(ways, false), lasting: askingOver(ways, true) };
}

interface Ways {
  readonly config: RabbitmqConfig;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly link: Link | undefined;
}

function askingOver({ config, env, link }: Ways, lasting: boolean): Asking {
  const { erlCall, scripts, longNames } = config;
  const kind = longNames ? ['--longnames'] : [];

  async function control(
    command: 'rabbitmqctl' | 'rabbitmq-queues',
    node: string,
    args: readonly string[],
    signal: AbortSignal,
  ): Promise<string> {
    const operation = `${command} ${args[0] ?? ''}`;
    const program = { command: join(scripts, command), args: ['--node', node, ...kind, ...args], env, lasting };
    const ran = await run(program, signal, operation);
    if (ran.exitCode === 0) return ran.stdout;
    throw brokerError(`${operation} on ${node} ended with ${ran.exitCode}: ${shortText(ran)}`, { operation });
  }

  return {
    control,
    async evaluate(node, expression, signal) {
      if (link?.isOpen && node === config.node) return parseEvaluated(await link.ask(expression, signal, lasting));
      if (erlCall === undefined)
        return parseEvaluated(await control('rabbitmqctl', node, ['eval', expression], signal));
      // Two calls under one name would cut each other off, and erl_call's own random names are the same within a second.
      calls += 1;
      const args = [longNames ? '-name' : '-sname', node, '-h', `autocluster-${process.pid}-${calls}`, '-e'];
      const program = { command: erlCall, args, env, input: `${expression}\n`, lasting };
      const ran = await run(program, signal, 'erl_call');
      if (ran.exitCode !== 0)
        throw brokerError(`${node} does not answer: ${shortText(ran)}`, { operation: 'erl_call' });
      return parseEvaluated(ran.stdout);
    },
  };
}
