import { beforeAll, afterAll, describe, expect, it } from 'vitest';
import type { Fleet, NodeSpec, Worker } from './processes/fleet.ts';
import { allSee, newCluster, oneCluster, withFleet } from './processes/kit.ts';
import { type RealStore, type RunningStore, storeSuites } from './stores.ts';

type Common = Omit<NodeSpec, 'node'>;
type Moment = NonNullable<NodeSpec['strike']>['moment'];

const removals = (worker: Worker) => [...worker.all('forgot'), ...worker.all('cleanup.removed')];

/** The executor is stopped in the middle of a removal; another one removes; the first goes on and removes nothing. */
async function pausedInTheMiddle(fleet: Fleet, common: Common, moment: Moment, withinMs: number): Promise<void> {
  const executor = await fleet.node({ ...common, node: 'node-9', strike: { moment, signal: 'SIGSTOP' } });
  executor.start();
  await executor.waitFor('cleanup.executor');
  const others = await fleet.nodes(['node-1', 'node-2', 'node-3', 'node-4'], common);
  for (const worker of others) worker.start();
  await oneCluster([executor, ...others]);
  await allSee([executor, ...others], 5);
  const [dead, ...living] = others.toReversed();
  if (!dead) throw new RangeError('no other node');
  dead.signal('SIGKILL');
  await executor.waitFor('struck', withinMs);
  const first = await Promise.any(living.map((worker) => worker.waitFor('cleanup.removed', withinMs)));
  expect(first.data).toMatchObject({ node: dead.node });
  executor.signal('SIGCONT');
  const givesUp = () => executor.last('cleanup.refused') ?? executor.last('cleanup.failed');
  const { data } = await executor.until('it gives its removal up', givesUp, withinMs);
  expect(data).toMatchObject({ node: dead.node });
  // Back among the others it removes nothing of what it was about to.
  await allSee([executor, ...living], 4, withinMs);
  expect(removals(executor)).toEqual([]);
}

function onStore(store: RealStore): void {
  let running: RunningStore;
  beforeAll(async () => {
    running = await store.start();
  });
  afterAll(() => running.stop());
  const cleanup = { mode: 'remove', intervalMs: Math.ceil(store.ttlMs / 2), restartMs: 0 } as const;
  const withinMs = 60_000 + 20 * store.ttlMs;
  const struck = (moment: Moment) =>
    withFleet((fleet) =>
      pausedInTheMiddle(
        fleet,
        { store: running.spec, cluster: newCluster(), options: { ttlMs: store.ttlMs, cleanup } },
        moment,
        withinMs,
      ),
    );
  describe.concurrent('an executor that is paused in the middle of a removal', { timeout: 2 * withinMs }, () => {
    it('C7: removes nothing after it goes on: paused when the name was marked', () => struck('after marking'));
    it('C7: removes nothing after it goes on: paused when the daemon was asked', () => struck('while forgetting'));
  });
}

storeSuites('two executors', 'start', onStore);
