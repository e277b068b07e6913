import { join } from 'node:path';
import { expect } from 'vitest';
import { startEtcd } from '../servers/harness/index.ts';
import { Fleet, type NodeSpec, type StoreSpec, type Trap, type Worker } from './fleet.ts';

export const OPTIONS = { ttlMs: 2_000 } as const;

export type StoreName = 'local' | 'etcd';
export const STORES: readonly StoreName[] = ['local', 'etcd'];

let etcd: ReturnType<typeof startEtcd> | undefined;

/** One etcd for all tests of a file; every test has a cluster of its own there. */
export const sharedEtcd = () => (etcd ??= startEtcd());
export async function stopSharedEtcd(): Promise<void> {
  await (await etcd)?.stop();
}

let clusters = 0;
export const newCluster = (): string => `real-${process.pid}-${(clusters += 1)}`;

export async function storeFor(name: StoreName, fleet: Fleet): Promise<StoreSpec> {
  return name === 'etcd' ? { hosts: [(await sharedEtcd()).endpoint] } : { folder: join(fleet.folder, 'store') };
}

/** Runs a test with processes of its own, that end with it. */
export async function withFleet(run: (fleet: Fleet) => Promise<void>): Promise<void> {
  const fleet = new Fleet();
  try {
    await run(fleet);
  } finally {
    await fleet.end();
  }
}

export function trapIn(fleet: Fleet, trap: Omit<Trap, 'claim'>): Trap {
  return { ...trap, claim: join(fleet.folder, 'claim') };
}

/** All nodes are formed in one cluster; answers its id. */
export async function oneCluster(workers: readonly Worker[], withinMs?: number): Promise<string> {
  const states = await Promise.all(workers.map((worker) => worker.formed(withinMs)));
  const ids = new Set(states.map(({ identity }) => identity.clusterId));
  expect([...ids]).toHaveLength(1);
  return [...ids][0] ?? '';
}

/** Every node sees so many nodes ready. */
export async function allSee(workers: readonly Worker[], count: number, withinMs?: number): Promise<void> {
  const seen = (worker: Worker) => worker.readySeen.length === count || undefined;
  await Promise.all(workers.map((worker) => worker.until(`sees ${count} ready`, () => seen(worker), withinMs)));
}

/** A node that has the name of an ended one, in a new process and without its trap. */
export async function again(fleet: Fleet, ended: Worker, spec: Omit<NodeSpec, 'node' | 'trap'>): Promise<Worker> {
  const [back] = await fleet.launch(1);
  if (!back) throw new RangeError('no worker');
  await back.prepare({ ...spec, node: ended.node });
  back.order('start');
  return back;
}
