import { type ChildProcess, fork } from 'node:child_process';
import { addStatistics, noStatistics, type Statistics } from '@autocluster/testing';
import { bundleProgram, type Patch } from './bundle.ts';
import type { Finding, Job, Progress } from './protocol.ts';

export interface Search {
  readonly seed: string;
  readonly histories: number;
  /** The first history of the seed; default: 0. */
  readonly from?: number | undefined;
  readonly workers: number;
  readonly faults?: readonly string[] | undefined;
  readonly nodes?: number | undefined;
  readonly patches?: readonly Patch[] | undefined;
  readonly limitMs?: number | undefined;
  readonly untilFirst?: boolean | undefined;
  readonly onProgress?: (found: Found) => void;
}

export interface Found {
  /** Of what was run. */
  readonly digest: string;
  readonly statistics: Statistics;
  readonly findings: readonly Finding[];
  /** Processor time of all workers. */
  readonly cpuMs: number;
  readonly tookMs: number;
}

/** What runs the histories, in a process of its own. */
export const WORKER = 'test/simulation/worker.ts';

/** New space for many short lives, and no stack traces: nobody reads them here. */
const FLAGS = ['--min-semi-space-size=256', '--max-semi-space-size=256', '--stack-trace-limit=0'];

/** Workers of one search. With `untilFirst`, a finding of one ends all of them. */
class Crew {
  readonly #children = new Set<ChildProcess>();
  #isOver = false;

  run(file: string, job: Job, onProgress: (progress: Progress) => void): Promise<void> {
    if (this.#isOver) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const child = fork(file, [], { execArgv: FLAGS });
      this.#children.add(child);
      let done = false;
      child.on('message', (progress: Progress) => {
        done ||= progress.done;
        onProgress(progress);
        if (job.untilFirst && progress.findings.length > 0) this.#end();
      });
      child.on('error', (error) => (this.#isOver ? undefined : reject(error)));
      // Not `exit`: what it said last may still be on its way then.
      child.on('close', (code, signal) => {
        this.#children.delete(child);
        if (done || this.#isOver) resolve();
        else reject(new Error(`a worker ended with ${signal ?? `code ${code}`} before it was done`));
      });
      child.send(job);
    });
  }

  #end(): void {
    this.#isOver = true;
    for (const child of this.#children) child.kill();
  }
}

/** Runs histories in processes of their own, all of them from one seed. */
export async function search(options: Search): Promise<Found> {
  const {
    seed,
    histories,
    from = 0,
    workers,
    faults,
    nodes,
    patches,
    limitMs,
    untilFirst = false,
    onProgress,
  } = options;
  const startedMs = performance.now();
  const { file, digest, remove } = await bundleProgram(WORKER, patches);
  let found: Found = { digest, statistics: noStatistics(), findings: [], cpuMs: 0, tookMs: 0 };
  const add = ({ statistics, findings, cpuMs }: Progress) => {
    found = {
      digest,
      statistics: addStatistics(found.statistics, statistics),
      findings: [...found.findings, ...findings],
      cpuMs: found.cpuMs + cpuMs,
      tookMs: performance.now() - startedMs,
    };
    onProgress?.(found);
  };
  try {
    const until = from + histories;
    const jobs = Array.from({ length: workers }, (_, nth) => ({ seed, from: from + nth, until, stride: workers }));
    const crew = new Crew();
    await Promise.all(jobs.map((job) => crew.run(file, { ...job, faults, nodes, limitMs, untilFirst }, add)));
  } finally {
    remove();
  }
  return found;
}
