import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../servers/harness/index.ts';
import type { Fleet, Moment, NodeSpec } from './processes/fleet.ts';
import { allSee, newCluster, oneCluster, withFleet } from './processes/kit.ts';
import { type RealStore, type RunningStore, storeSuites, testTimeout } from './stores.ts';

const ALONE: readonly Moment[] = [
  'before register',
  'holding the lock, before create',
  'after create, before the record',
  'while releasing',
  'after the record, before ready',
];

type Common = Omit<NodeSpec, 'node'>;

/** The others end in one cluster within the bound, and the one that was killed comes back into it. */
async function killAt(fleet: Fleet, common: Common, moment: Moment): Promise<void> {
  const strike = { moment, signal: 'SIGKILL' } as const;
  const [victim, others, timing] = await prepared(fleet, common, strike);
  const [early, late] = moment === 'while joining' ? [others, [victim]] : [[victim], others];
  for (const worker of early) worker.start();
  await (moment === 'while joining' ? oneCluster(others) : victim.exited);
  for (const worker of late) worker.start();
  expect(await victim.exited).toEqual({ code: null, signal: 'SIGKILL' });
  const id = await oneCluster(others, timing.formationAfterCrashMs);
  const back = await fleet.node({ ...common, node: victim.node });
  back.start();
  expect(await oneCluster([back, ...others])).toBe(id);
  await allSee([back, ...others], 3);
}

async function prepared(fleet: Fleet, common: Common, strike: NonNullable<NodeSpec['strike']>) {
  const others = await fleet.launch(2);
  const victim = await fleet.node({ ...common, node: 'node-1', strike });
  const [timing] = await Promise.all(
    others.map((worker, index) => worker.prepare({ ...common, node: `node-${index + 2}` })),
  );
  if (timing === undefined) throw new RangeError('no other node');
  return [victim, others, timing] as const;
}

/** The resumed process does no guarded work, commits nothing, and joins the cluster that the others made. */
async function pauseWithLock(fleet: Fleet, common: Common): Promise<void> {
  const strike = { moment: 'holding the lock, before create', signal: 'SIGSTOP' } as const;
  const [paused, others, timing] = await prepared(fleet, common, strike);
  paused.start();
  await paused.waitFor('struck');
  for (const worker of others) worker.start();
  const id = await oneCluster(others, timing.formationAfterCrashMs);
  paused.signal('SIGCONT');
  const { identity, role } = await paused.formed();
  expect([identity.clusterId, role]).toEqual([id, 'joiner']);
  expect([...paused.all('created'), ...paused.all('record.committed')]).toEqual([]);
}

/** With data to keep nobody replaces the cluster: its creator comes back with its data, and all are one again. */
async function killDurableCreator(fleet: Fleet, common: Common): Promise<void> {
  const own = (node: string) => ({ ...common, node, file: join(fleet.folder, `${node}.json`) });
  const strike = { moment: 'after the record, before ready', signal: 'SIGKILL' } as const;
  const creator = await fleet.node({ ...own('node-1'), strike });
  const others = await Promise.all(['node-2', 'node-3'].map((node) => fleet.node(own(node))));
  creator.start();
  expect(await creator.exited).toEqual({ code: null, signal: 'SIGKILL' });
  expect(await readFile(own('node-1').file, 'utf8')).toContain('"kind":"provisional"');
  for (const worker of others) worker.start();
  const wait = () => others.every((worker) => worker.last('state.changed')?.data['reason'] === 'nobody-alive');
  await until('the others wait for it', wait, { withinMs: 30_000 });
  const back = await fleet.node(own('node-1'));
  back.start();
  await oneCluster([back, ...others]);
  expect([back, ...others].flatMap((worker) => worker.all('created'))).toEqual([]);
}

function onStore(store: RealStore): void {
  let running: RunningStore;
  beforeAll(async () => {
    running = await store.start();
  });
  afterAll(() => running.stop());
  const timeout = testTimeout(store);
  const struck = (run: (fleet: Fleet, common: Common) => Promise<void>) =>
    withFleet((fleet) => run(fleet, { store: running.spec, cluster: newCluster(), options: { ttlMs: store.ttlMs } }));

  describe.concurrent('SIGKILL (F7, S33)', { timeout }, () => {
    it.each([...ALONE, 'while joining' as const])('%s: the others form one cluster, and it comes back', (moment) =>
      struck((fleet, common) => killAt(fleet, common, moment)),
    );
    it('after the record, with data to keep: nobody is needed to repair it', () => struck(killDurableCreator));
  });
  describe.concurrent('SIGSTOP for longer than the TTL', { timeout }, () => {
    it('L4 L6 S30: while it holds the lock: it does nothing more with it', () => struck(pauseWithLock));
  });
}

storeSuites('a process that is struck', 'start', onStore);
