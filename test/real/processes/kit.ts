import { expect } from 'vitest';
import { Fleet, type Worker } from './fleet.ts';

let clusters = 0;
export const newCluster = (): string => `real-${process.pid}-${(clusters += 1)}`;

/** Runs a test with processes of its own. In the end those that still run stop as they should. */
export async function withFleet(run: (fleet: Fleet) => Promise<void>): Promise<void> {
  const fleet = new Fleet();
  try {
    await run(fleet);
    await fleet.retire();
  } finally {
    await fleet.end();
  }
}

/** All nodes are formed in one cluster; answers its id. */
export async function oneCluster(workers: readonly Worker[], withinMs?: number): Promise<string> {
  const states = await Promise.all(workers.map((worker) => worker.formed(withinMs)));
  const [id = '', ...others] = new Set(states.map(({ identity }) => identity.clusterId));
  expect(others).toEqual([]);
  return id;
}

/** Every node sees so many nodes ready. */
export async function allSee(workers: readonly Worker[], count: number, withinMs?: number): Promise<void> {
  const seen = (worker: Worker) => worker.readySeen.length === count || undefined;
  await Promise.all(workers.map((worker) => worker.until(`sees ${count} ready`, () => seen(worker), withinMs)));
}
