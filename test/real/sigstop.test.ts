import { afterAll, expect, it } from 'vitest';
import { serverSuite } from '../servers/harness/suite.ts';
import { allSee, newCluster, oneCluster, OPTIONS, stopSharedEtcd, STORES, storeFor } from './crash-kit.ts';
import { type StoreName, trapIn, withFleet } from './crash-kit.ts';
import type { Fleet, Trap } from './fleet.ts';

interface Place extends Pick<Trap, 'point' | 'when'> {
  readonly where: string;
  /** How often `onCreate` may have run in the stopped process, all told. */
  readonly creates: number;
  readonly longWorkMs?: number;
}

const PLACES: readonly Place[] = [
  { where: 'when it got the lock', point: 'lock', when: 'after', creates: 0 },
  { where: 'in the middle of its work', point: 'work', when: 'before', creates: 1, longWorkMs: 20_000 },
  { where: 'after its work', point: 'create', when: 'after', creates: 1 },
  { where: 'before the record is written', point: 'commit', when: 'before', creates: 1 },
];

async function losesItsLock(fleet: Fleet, store: StoreName, place: Place): Promise<void> {
  const { point, when, creates, longWorkMs } = place;
  const trap = trapIn(fleet, { point, when, signal: 'SIGSTOP' });
  const spec = { cluster: newCluster(), store: await storeFor(store, fleet), options: OPTIONS, longWorkMs };
  const workers = await fleet.launch(3);
  await fleet.prepare(workers, { ...spec, trap });
  fleet.start(workers);
  const sleeper = await fleet.caught(trap, workers);
  const others = workers.filter((worker) => worker !== sleeper);
  const id = await oneCluster(others, 60_000);
  await allSee(others, 2);
  sleeper.child.kill('SIGCONT');
  expect(await oneCluster([sleeper])).toBe(id);
  await allSee(workers, 3);
  const { state } = await sleeper.report();
  expect(state).toMatchObject({ kind: 'formed', role: 'joiner' });
  expect(sleeper.all('created')).toHaveLength(creates);
  expect(sleeper.all('work.finished')).toEqual([]);
  expect(sleeper.all('work.aborted')).toHaveLength(longWorkMs ? 1 : 0);
  expect(sleeper.all('record.committed')).toEqual([]);
  expect(others.flatMap((worker) => worker.all('split.seen'))).toEqual([]);
  await Promise.all(workers.map((worker) => worker.stop()));
}

serverSuite(['etcd'], 'a process that sleeps longer than its lock lasts', () => {
  afterAll(stopSharedEtcd);

  for (const store of STORES) {
    it.concurrent.each(PLACES)(
      `${store}: $where; it does nothing more under that lock, and joins the others`,
      (place) => withFleet((fleet) => losesItsLock(fleet, store, place)),
    );
  }
});
