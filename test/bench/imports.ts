import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Summary, summaryOf } from './statistics.ts';

export interface ImportResult {
  readonly entry: string;
  readonly ms: Summary;
  /** What the import adds to the process. */
  readonly rssMb: number;
}

const ENTRIES = [
  '@autocluster/core',
  '@autocluster/core/backend',
  '@autocluster/local',
  '@autocluster/etcd',
  '@autocluster/consul',
  '@autocluster/kubernetes',
  // The whole client, for comparison: it can be found from the package that has it.
  '@kubernetes/client-node',
];
const HOMES: Readonly<Record<string, string>> = { '@kubernetes/client-node': '../../packages/kubernetes/' };
const RUNS = 7;
const run = promisify(execFile);

async function importOnce(entry: string): Promise<{ ms: number; rssMb: number }> {
  const code = `
    const before = process.memoryUsage.rss();
    const began = performance.now();
    await import(${JSON.stringify(entry)});
    const ms = performance.now() - began;
    console.log(JSON.stringify({ ms, rssMb: (process.memoryUsage.rss() - before) / 1048576 }));`;
  const cwd = fileURLToPath(new URL(HOMES[entry] ?? '.', import.meta.url));
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', code], { cwd });
  const { ms, rssMb }: { ms: number; rssMb: number } = JSON.parse(stdout);
  return { ms, rssMb };
}

/** In a process of its own each time. */
export async function measureImports(): Promise<readonly ImportResult[]> {
  const results: ImportResult[] = [];
  for (const entry of ENTRIES) {
    const runs: { ms: number; rssMb: number }[] = [];
    for (let turn = 0; turn < RUNS; turn += 1) runs.push(await importOnce(entry));
    const rssMb = summaryOf(runs.map((each) => each.rssMb)).median;
    results.push({ entry, ms: summaryOf(runs.map(({ ms }) => ms)), rssMb });
  }
  return results;
}
