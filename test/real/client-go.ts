import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { pathToFileURL } from 'node:url';
import { acquireLock, type LockHandle } from '@autocluster/core';
import { kubernetes } from '@autocluster/kubernetes';
import { type KubernetesServer, makeFolder, removeFolder, startKubernetes, until } from '../servers/harness/index.ts';
import { howToProvide, serverBinary } from '../servers/provide.mjs';

const CLUSTER = 'contest';
const LOCK = 'job';
const LEASE = `autocluster.${CLUSTER}.lock.${LOCK}`;

/** Somebody who takes the lock and lets it go. */
interface Contender {
  readonly kind: 'ours' | 'client-go';
  /** Resolves when it has the lock. */
  acquire(): Promise<void>;
  /** Resolves when it has let it go. */
  release(): Promise<void>;
  end(): Promise<void>;
}

function ours({ server, caFile: ca, adminToken: token }: KubernetesServer, owner: string): Contender {
  const backend = kubernetes({ cluster: CLUSTER, server, token, tls: { ca }, owner: 'none' });
  let handle: LockHandle | undefined;
  return {
    kind: 'ours',
    async acquire() {
      handle = await acquireLock(backend, LOCK, { ttlMs: 15_000, owner });
    },
    release: async () => void (await handle?.release()),
    end: () => backend.close(),
  };
}

/** The lines that a program has said, each taken once. */
class Lines {
  readonly #waiting: string[] = [];

  constructor({ stdout }: ChildProcess) {
    stdout?.setEncoding('utf8').on('data', (text: string) => this.#waiting.push(...text.split('\n').filter(Boolean)));
  }

  async next(line: string): Promise<void> {
    await until(line, () => this.#waiting.includes(line), { withinMs: 60_000, everyMs: 1 });
    this.#waiting.splice(this.#waiting.indexOf(line), 1);
  }
}

async function clientGo(
  { server, caFile, adminToken }: KubernetesServer,
  name: string,
  retryMs: number,
): Promise<Contender> {
  const program = serverBinary('leader-elector');
  if (program === undefined) throw new Error(howToProvide('leader-elector'));
  const args = ['-server', server, '-ca', caFile, '-lease', LEASE, '-identity', name, '-retry', `${retryMs}ms`];
  const child = spawn(program, args, { env: { ...process.env, TOKEN: adminToken }, stdio: ['pipe', 'pipe', 'ignore'] });
  const lines = new Lines(child);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await lines.next('ready');
  const say = (order: string) => child.stdin?.write(`${order}\n`);
  return {
    kind: 'client-go',
    async acquire() {
      say('acquire');
      await lines.next('acquired');
    },
    async release() {
      say('release');
      await lines.next('released');
    },
    async end() {
      child.stdin?.end();
      await exited;
    },
  };
}

export interface HandOff {
  readonly from: Contender['kind'];
  readonly to: Contender['kind'];
  /** From the end of the release to the moment at which the other has the lock. */
  readonly ms: number;
}

/** Two contenders take turns; whoever has the lock has a file that nobody else may have at that time. */
async function contest(
  pair: readonly [Contender, Contender],
  file: string,
  count: number,
): Promise<readonly HandOff[]> {
  let [holder, next] = pair;
  const enter = () => openSync(file, 'wx');
  const leave = (handle: number) => {
    closeSync(handle);
    unlinkSync(file);
  };
  await holder.acquire();
  let inside = enter();
  const handOffs: HandOff[] = [];
  for (let turn = 0; turn < count; turn += 1) {
    let acquiredAtMs = 0;
    const acquired = next.acquire().then(() => {
      acquiredAtMs = performance.now();
      // Throws when the other has not left yet: then both have the lock.
      inside = enter();
    });
    // At any phase of the other's polling.
    await delay(100 + Math.random() * 200);
    leave(inside);
    await holder.release();
    const releasedAtMs = performance.now();
    await acquired;
    handOffs.push({ from: holder.kind, to: next.kind, ms: acquiredAtMs - releasedAtMs });
    [holder, next] = [next, holder];
  }
  leave(inside);
  await holder.release();
  return handOffs;
}

export interface ContestOptions {
  /** Between us and client-go, half of them in each direction; a fourth as many among each kind. */
  readonly handOffs: number;
  /** Between two attempts of client-go, in ms; its own default is 2000. */
  readonly retryMs: number;
  readonly onDone?: (done: number) => void;
}

/** Programs on client-go's leader election and our locks on the same Lease. Rejects when two have it at once. */
export async function handOffs({ handOffs: count, retryMs, onDone }: ContestOptions): Promise<readonly HandOff[]> {
  const server = await startKubernetes();
  const folder = makeFolder('client-go');
  const all: Contender[] = [];
  try {
    const [a, b] = [ours(server, 'a'), ours(server, 'b')];
    const [c, d] = [await clientGo(server, 'c', retryMs), await clientGo(server, 'd', retryMs)];
    all.push(a, b, c, d);
    const among = Math.ceil(count / 4);
    const times: HandOff[] = [];
    for (const [pair, turns] of [
      [[a, c], count],
      [[a, b], among],
      [[c, d], among],
    ] as const) {
      times.push(...(await contest(pair, join(folder, 'inside'), turns)));
      onDone?.(times.length);
    }
    return times;
  } finally {
    await Promise.all(all.map((contender) => contender.end()));
    await server.stop();
    await removeFolder(folder);
  }
}

function summary(times: readonly HandOff[]): readonly string[] {
  const kinds = [...new Set(times.map(({ from, to }) => `${from} to ${to}`))];
  return kinds.map((kind) => {
    const ms = times.filter(({ from, to }) => `${from} to ${to}` === kind).map((each) => Math.max(0, each.ms));
    const sorted = ms.toSorted((x, y) => x - y);
    const at = (share: number) => (sorted[Math.ceil(sorted.length * share) - 1] ?? 0).toFixed(1);
    return `${kind}: ${ms.length} hand-offs, ms p50 ${at(0.5)}, p95 ${at(0.95)}, longest ${at(1)}`;
  });
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { rounds: { type: 'string', default: '200' }, retry: { type: 'string', default: '2000' } },
  });
  const onDone = (done: number) => console.error(`${done} hand-offs`);
  const times = await handOffs({ handOffs: Number(values.rounds), retryMs: Number(values.retry), onDone });
  for (const line of summary(times)) console.log(line);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
