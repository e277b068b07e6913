import { spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serverBinary } from '../servers/provide.mjs';

/** One call, as its caller saw it. Times are µs on the clock of this process. */
export interface Operation {
  readonly client: number;
  readonly verb: 'lock' | 'renew' | 'unlock' | 'commit' | 'read';
  readonly attempt: string;
  /** Of a commit: what it writes; of a read: what it saw, empty for none. */
  readonly record: string;
  readonly token: number;
  /** `unknown`: nobody knows whether it took effect, and it may still do so until the end. */
  readonly answer: 'held' | 'busy' | 'lost' | 'released' | 'seen' | 'unknown';
  readonly call: number;
  readonly return: number;
}

export type Verdict = 'linearizable' | 'not linearizable' | 'undecided';

/** Whether the calls could have happened in one order, each between its call and its return. */
export function verdictOn(history: readonly Operation[]): Promise<Verdict> {
  const checker = serverBinary('lincheck');
  if (checker === undefined) throw new Error('lincheck is missing');
  const child = spawn(checker, { stdio: ['pipe', 'ignore', 'inherit'] });
  child.stdin.end(JSON.stringify(history));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      resolve(code === 0 ? 'linearizable' : code === 1 ? 'not linearizable' : 'undecided');
    });
  });
}

/** Keeps a history that was not found linearizable; answers where. */
export function keep(history: readonly Operation[], name: string): string {
  const file = join(mkdtempSync(join(tmpdir(), 'autocluster-history-')), `${name}.json`);
  writeFileSync(file, JSON.stringify(history, undefined, 1));
  return file;
}
