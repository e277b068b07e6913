import { rmSync } from 'node:fs';
import type { ChildProcess } from 'node:child_process';

const children = new Set<ChildProcess>();
const folders = new Set<string>();
let armed = false;

const hasEnded = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null;

function endEverything(): void {
  for (const child of children) if (!hasEnded(child)) child.kill('SIGKILL');
  children.clear();
  for (const folder of folders) {
    try {
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    } catch {
      // A dying server may still write into its folder; the exit code of the tests matters more than the litter.
    }
  }
  folders.clear();
}

function endOnSignal(signal: NodeJS.Signals): void {
  process.once(signal, () => {
    // With a listener of somebody else the process decides itself when it exits, and the exit hook follows.
    if (process.listenerCount(signal) > 0) return;
    endEverything();
    process.kill(process.pid, signal);
  });
}

function arm(): void {
  if (armed) return;
  armed = true;
  process.once('exit', endEverything);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) endOnSignal(signal);
}

/** The child is killed when this process exits. */
export function reapChild(child: ChildProcess): void {
  arm();
  children.add(child);
  child.once('exit', () => children.delete(child));
}

/** The folder is removed when this process exits, unless `keepFolder` was called. */
export function reapFolder(folder: string): void {
  arm();
  folders.add(folder);
}

export function keepFolder(folder: string): void {
  folders.delete(folder);
}
