import { afterAll, expect, it } from 'vitest';
import { serverSuite } from '../servers/harness/suite.ts';
import { again, allSee, newCluster, oneCluster, OPTIONS, stopSharedEtcd, STORES, storeFor } from './crash-kit.ts';
import { type StoreName, trapIn, withFleet } from './crash-kit.ts';
import type { Fleet, Trap } from './fleet.ts';

type Place = Pick<Trap, 'point' | 'when'> & { readonly where: string };

const PLACES: readonly Place[] = [
  { where: 'before it registers', point: 'register', when: 'before' },
  { where: 'after it registered', point: 'register', when: 'after' },
  { where: 'holding the lock, before create', point: 'create', when: 'before' },
  { where: 'after create, before the record', point: 'create', when: 'after' },
  { where: 'while it writes the record and releases the lock', point: 'commit', when: 'during' },
  { where: 'after the record, before it is ready', point: 'commit', when: 'after' },
  { where: 'before it joins', point: 'join', when: 'before' },
  { where: 'after it joined, before it is ready', point: 'join', when: 'after' },
];

/** The bound is about the store and the nodes; the processes of all tests share a few cores. */
const SCHEDULING_MS = 3_000;
const figures: string[] = [];

async function survivesKill(
  fleet: Fleet,
  store: StoreName,
  { where, ...place }: Place,
  durable = false,
): Promise<void> {
  const spec = {
    cluster: newCluster(),
    store: await storeFor(store, fleet),
    options: OPTIONS,
    durable: durable ? `${fleet.folder}/data` : undefined,
  };
  const trap = trapIn(fleet, { ...place, signal: 'SIGKILL' });
  const workers = await fleet.launch(3);
  const timing = await fleet.prepare(workers, { ...spec, trap });
  fleet.start(workers);
  const victim = await fleet.caught(trap, workers);
  expect(await victim.exited).toEqual({ code: null, signal: 'SIGKILL' });
  const diedAtMs = performance.now();
  const others = workers.filter((worker) => worker !== victim);
  // With durable data nobody but the member that has them may go on: it comes back, and needs nobody's hand.
  const onlyVictimHasData = durable && others.every((worker) => worker.all('started').length === 0);
  const early = onlyVictimHasData ? await again(fleet, victim, spec) : undefined;
  const id = await oneCluster(others, timing.formationAfterCrashMs + SCHEDULING_MS);
  const tookMs = Math.round(performance.now() - diedAtMs);
  figures.push(
    `${store}, killed ${where}${durable ? ', durable' : ''}: ${tookMs} of ${Math.round(timing.formationAfterCrashMs)} ms`,
  );
  const back = early ?? (await again(fleet, victim, spec));
  expect(await oneCluster([back])).toBe(id);
  await allSee([...others, back], 3);
  await Promise.all([...others, back].map((worker) => worker.stop()));
}

serverSuite(['etcd'], 'a process killed during formation', () => {
  afterAll(async () => {
    await stopSharedEtcd();
    console.log(figures.join('\n'));
  });

  for (const store of STORES) {
    it.concurrent.each(PLACES)(`${store}: $where; the others form, and it joins again`, (place) =>
      withFleet((fleet) => survivesKill(fleet, store, place)),
    );
  }

  it.concurrent.each([
    { where: 'after create, before the record', point: 'create', when: 'after' },
    { where: 'after the record, before it is ready', point: 'commit', when: 'after' },
    { where: 'after the record, before its data name the cluster', point: 'committed', when: 'before' },
    { where: 'after its data name the cluster, before it is ready', point: 'committed', when: 'after' },
    { where: 'after it joined, before it is ready', point: 'join', when: 'after' },
  ] as const)('with durable data: $where; it goes on with its data, and nobody needs a human', (place) =>
    withFleet((fleet) => survivesKill(fleet, 'local', place, true)),
  );
});
