import { type ChildProcess, spawn } from 'node:child_process';
import { until } from './poll.ts';
import { reapChild } from './reaper.ts';

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Aborting sends `abortSignal` to the command; the result then has no exit code. */
  readonly signal?: AbortSignal;
  readonly abortSignal?: NodeJS.Signals;
  readonly input?: string;
}

export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number | null;
}

export interface RunningCommand {
  readonly pid: number;
  stdout(): string;
  stderr(): string;
  readonly exited: Promise<CommandResult>;
  kill(signal?: NodeJS.Signals): void;
  /** Resolves as soon as standard output or standard error matches. */
  seen(pattern: RegExp, withinMs?: number): Promise<void>;
}

export function requirePid(child: ChildProcess, command: string): number {
  if (child.pid !== undefined) return child.pid;
  child.once('error', () => {});
  throw new Error(`cannot be started: ${command}`);
}

export function spawnCommand(
  command: string,
  args: readonly string[],
  { env, cwd, signal, abortSignal = 'SIGTERM', input = '' }: CommandOptions = {},
): RunningCommand {
  signal?.throwIfAborted();
  const child = spawn(command, args, { env: { ...process.env, ...env }, cwd, stdio: 'pipe' });
  const pid = requirePid(child, command);
  reapChild(child);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  // A command that ends without reading its input is no failure of the test.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const onAbort = () => child.kill(abortSignal);
  signal?.addEventListener('abort', onAbort, { once: true });
  const exited = new Promise<CommandResult>((resolve) => {
    child.once('close', (exitCode) => {
      signal?.removeEventListener('abort', onAbort);
      resolve({ stdout, stderr, exitCode });
    });
  });
  return {
    pid,
    stdout: () => stdout,
    stderr: () => stderr,
    exited,
    kill: (name = 'SIGTERM') => void child.kill(name),
    seen: async (pattern, withinMs = 10_000) => {
      await until(`${pattern} from ${command}`, () => pattern.test(stdout) || pattern.test(stderr), { withinMs });
    },
  };
}

export function runCommand(command: string, args: readonly string[], options?: CommandOptions): Promise<CommandResult> {
  return spawnCommand(command, args, options).exited;
}

/** For steps that must succeed: the output is the value, and what the command complained about is the error. */
export async function mustRun(command: string, args: readonly string[], options?: CommandOptions): Promise<string> {
  const { stdout, stderr, exitCode } = await runCommand(command, args, options);
  if (exitCode !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${exitCode}: ${stderr || stdout}`);
  return stdout;
}
