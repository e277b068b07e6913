import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { until } from './poll.ts';

function mentions(pid: string, text: string): boolean {
  try {
    return ['cmdline', 'environ'].some((file) => readFileSync(`/proc/${pid}/${file}`, 'latin1').includes(text));
  } catch {
    // It ended while we looked, or is not ours.
    return false;
  }
}

/** Processes whose arguments or environment name the folder: a server, and whatever it started. Linux only. */
export function processesOf(folder: string): readonly number[] {
  if (!existsSync('/proc/self')) return [];
  const pids = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
  return pids.filter((pid) => mentions(pid, folder)).map(Number);
}

/** Helpers of a server end a moment after it, so this waits for them. */
export async function nothingLeftOf(server: { readonly logFile: string }, withinMs = 5000): Promise<void> {
  const folder = dirname(server.logFile);
  await until(`no process of ${folder}`, () => processesOf(folder).length === 0, { withinMs });
  if (existsSync(folder)) throw new Error(`still there: ${folder}`);
}
