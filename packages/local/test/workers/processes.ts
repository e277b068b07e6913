import { type ChildProcess, execFileSync, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'tsup';
import { afterAll } from 'vitest';
import type { Verbs } from './worker.js';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../../../..');
/** Inside of the package, so that the worker finds its LMDB. */
const built = join(here, '../../node_modules/.workers', `${process.pid}`);
const children = new Set<ChildProcess>();

afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(built, { recursive: true, force: true });
});

let bundle: Promise<string> | undefined;

/** The worker with the sources that are tested, whatever was built before. */
function workerFile(): Promise<string> {
  bundle ??= (async () => {
    await build({
      config: false,
      silent: true,
      entry: [join(here, 'worker.ts')],
      outDir: built,
      format: 'esm',
      target: 'node20',
      noExternal: [/^@autocluster\//],
      external: ['lmdb'],
      outExtension: () => ({ js: '.mjs' }),
      tsconfig: join(root, 'test/tsconfig.json'),
    });
    return join(built, 'worker.mjs');
  })();
  return bundle;
}

/** The first message; rejects when the process ends without one. */
async function firstMessage(child: ChildProcess): Promise<ChildProcess> {
  const exit = once(child, 'exit').then(() => Promise.reject(new Error('the worker ended')));
  await Promise.race([once(child, 'message'), exit]);
  exit.catch(() => undefined);
  return child;
}

const ended = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

/** Ends a process, and waits until the system has forgotten it. */
export async function kill(child: ChildProcess): Promise<void> {
  if (ended(child)) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

function kept<T extends ChildProcess>(child: T): T {
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

export type Work = 'serve' | 'form' | 'hold' | 'count' | 'visit';

export async function startWorker(folder: string, work: Work = 'serve'): Promise<ChildProcess> {
  return firstMessage(kept(fork(await workerFile(), [folder, work], { serialization: 'advanced', execArgv: [] })));
}

/** A process that may write only so much into one file, as on a disk that is full. */
export async function startCrampedWorker(folder: string, blocks: number): Promise<ChildProcess> {
  const command = `trap '' XFSZ; ulimit -f ${blocks}; exec "$0" "$@"`;
  const args = ['-c', command, process.execPath, await workerFile(), folder];
  const child = kept(
    spawn('/bin/sh', args, { serialization: 'advanced', stdio: ['ignore', 'ignore', 'ignore', 'ipc'] }),
  );
  return firstMessage(child);
}

/** A process that is stuck in the middle of a transaction until it is ended. */
export async function startHolder(folder: string): Promise<ChildProcess> {
  const child = await startWorker(folder, 'hold');
  await once(child, 'message');
  return child;
}

const base64 = (value: string | Buffer) => Buffer.from(value).toString('base64');

/** Writes pairs as an operator's tool would: in a process of its own, since LMDB may be open only once in each. */
export function putInto(folder: string, pairs: readonly (readonly [string | Buffer, string | Buffer])[]): void {
  const argument = JSON.stringify(pairs.map((pair) => pair.map(base64)));
  execFileSync(process.execPath, [join(here, 'put.mjs'), folder], { input: argument });
}

let calls = 0;

interface Reply<Answer> {
  readonly id?: number;
  readonly answer: Answer;
  readonly failure?: { readonly code?: string; readonly message: string };
}

type Asked<Verb extends keyof Verbs> = Omit<Verbs[Verb], 'answer'> & { readonly atMs?: number };

/** Has a worker carry out one verb; rejects with what the worker's own call rejected with. */
export function ask<Verb extends keyof Verbs>(
  child: ChildProcess,
  verb: Verb,
  asked: Asked<Verb>,
): Promise<Verbs[Verb]['answer']> {
  calls += 1;
  const id = calls;
  return new Promise((resolve, reject) => {
    const listen = ({ id: of, answer, failure }: Reply<Verbs[Verb]['answer']>) => {
      if (of !== id) return;
      child.off('message', listen);
      if (failure === undefined) resolve(answer);
      else reject(Object.assign(new Error(failure.message), failure));
    };
    child.on('message', listen);
    child.send({ ...asked, verb, id });
  });
}
