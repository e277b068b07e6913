import { spawn } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import { createInterface } from 'node:readline';
import { stopwatch } from './time.mjs';

const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const running = new Set();
let endsGroups = false;
let ended = false;

/** A group ends as a whole: what a command has started goes with it. */
function end(child, signal) {
  try {
    process.kill(-child.pid, signal);
  } catch {
    // It has ended by itself.
  }
}

/** Ends what is running when this process is told to end; from here on each command has a process group of its own. */
export function endWithChildren() {
  endsGroups = true;
  for (const signal of ENDING) {
    process.on(signal, () => {
      ended = true;
      process.exitCode = 128 + constants.signals[signal];
      for (const child of running) end(child, signal);
      if (running.size === 0) process.exit();
    });
  }
}

export const wasEnded = () => ended;

/** Ends what nobody waits for any more. */
export function endChildren() {
  for (const child of running) end(child, 'SIGTERM');
}

function eachLine(stream, onLine) {
  const lines = createInterface({ input: stream });
  lines.on('line', onLine);
  return new Promise((resolve) => lines.once('close', resolve));
}

function lowPriority(child) {
  try {
    setPriority(child.pid, constants.priority.PRIORITY_LOW);
  } catch {
    // It has ended by itself, or the system has no priorities.
  }
}

/**
 * Runs a command and gives each line of its output to `onLine`.
 * Never rejects: a command that cannot be started has ended with 127.
 *
 * @param {readonly string[]} commandLine
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, onLine?: (line: string) => void, background?: boolean }} [options]
 */
export async function run(commandLine, { cwd, env = process.env, onLine = () => {}, background = false } = {}) {
  const [command = '', ...args] = commandLine;
  const took = stopwatch();
  /** @type {string[]} */
  const output = [];
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: endsGroups });
  running.add(child);
  if (background && child.pid !== undefined) lowPriority(child);
  const read = ['stdout', 'stderr'].map((name) =>
    eachLine(child[name], (text) => {
      output.push(text);
      onLine(text);
    }),
  );
  const code = await new Promise((resolve) => {
    child.once('error', (error) => {
      output.push(String(error));
      resolve(127);
    });
    child.once('exit', (exitCode, signal) => resolve(exitCode ?? 128 + constants.signals[signal]));
  });
  await Promise.all(read);
  running.delete(child);
  return { ok: code === 0, code, output, tookMs: took() };
}
