import { setTimeout as sleep } from 'node:timers/promises';
import { ClusterError, type MemberList } from '@autocluster/core/backend';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newCluster } from './processes/kit.ts';
import { Site, suiteOn } from './cleanup-kit.ts';
import { type RealStore, type RunningStore } from './stores.ts';

async function removesTheDead(site: Site): Promise<void> {
  const { removalMs } = await site.timing();
  await site.form(3);
  const lostAtMs = performance.now();
  site.lose('n3');
  await site.until('n3 is removed', () => site.removed.length > 0, 3 * removalMs);
  // The bound is for a store that answers in time; after one that did not, it begins anew.
  expect(performance.now() - Math.max(lostAtMs, site.troubledAtMs)).toBeLessThan(removalMs);
  expect(site.removed).toEqual(['n3']);
  // Forgotten, and the first to boot: it is not the cluster.
  for (const name of ['n1', 'n2']) {
    await site.nodes.get(name)?.stop();
    site.world.daemon(name).stop();
    site.nodes.delete(name);
  }
  const first = await site.boot('n3', { onEvicted: 'rejoin' });
  const waits = () => first.state.kind === 'waiting' && first.state.reason === 'maybe-evicted';
  await site.until('n3 waits', waits);
  for (const name of ['n1', 'n2']) await site.boot(name);
  await site.formed('n1', 'n2', 'n3');
  expect(site.clusters.size).toBe(1);
  expect(site.world.daemon('n1').inspect().disk.members.toSorted()).toEqual(['n1', 'n2', 'n3']);
  await site.until('its name is not remembered any more', () => site.marked.length === 0);
}

/** Listed with a daemon that is gone; running without a supervisor; away for less than the grace, again and again. */
async function sparesTheLiving(site: Site): Promise<void> {
  const { removalMs, latestTakeoverMs } = await site.timing();
  await site.form(5);
  site.world.daemon('n3').powerOff();
  site.sever('n4');
  const executor = [...site.nodes].find(([name, node]) => node.cleanup.status.executor === name)?.[0] ?? 'n1';
  // Only the others reach it.
  site.world.cut(executor, 'n4');
  site.world.cut('n4', executor);
  const endMs = performance.now() + removalMs;
  while (performance.now() < endMs) {
    site.lose('n5');
    await sleep(latestTakeoverMs / 2);
    await site.boot('n5');
    await site.formed('n5');
  }
  expect(site.removed).toEqual([]);
}

const NAMES = ['n1', 'n2', 'n3', 'n4', 'n5'];

/** Nobody sees it, and it reaches no store; it goes on running. */
function cutOff(site: Site, name: string): void {
  site.sever(name);
  for (const other of NAMES.filter((each) => each !== name)) {
    site.world.cut(name, other);
    site.world.cut(other, name);
  }
}

async function keepsAMajority(site: Site): Promise<void> {
  const { removalMs } = await site.timing();
  await site.form(5);
  const cutBoth = async (...names: readonly string[]) => {
    for (const name of names) {
      cutOff(site, name);
      await sleep(removalMs / 8);
    }
  };
  await cutBoth('n5', 'n4');
  await site.until('two are removed', () => site.removed.length === 2, 3 * removalMs);
  await cutBoth('n3', 'n2');
  // They were away for long enough: nothing but the majority of the five that there were keeps them.
  const areKept = () => ['n2', 'n3'].every((name) => site.isKeptByMajority(name));
  await site.until('the others are kept', areKept, 3 * removalMs);
  expect(site.removed.toSorted()).toEqual(['n4', 'n5']);
  expect(site.world.daemon('n1').inspect().disk.members.toSorted()).toEqual(['n1', 'n2', 'n3']);
}

/** It comes back in the very moment in which its removal begins. */
async function neverOverlaps(site: Site): Promise<void> {
  const { removalMs } = await site.timing();
  await site.form(3);
  site.lose('n3');
  await site.until('n3 is marked', () => site.marked.includes('n3'), 3 * removalMs);
  await site.boot('n3', { onEvicted: 'rejoin' });
  await site.formed('n1', 'n2', 'n3');
  await site.until('its name is not remembered any more', () => site.marked.length === 0);
  await sleep(removalMs / 2);
  expect([site.nodes.get('n3')?.state.kind, site.wronged]).toEqual(['formed', []]);
  expect(site.world.daemon('n1').inspect().disk.members.toSorted()).toEqual(['n1', 'n2', 'n3']);
  expect(site.clusters.size).toBe(1);
}

type Lie = (truth: MemberList, before: MemberList) => MemberList;

const LIES: Readonly<Record<string, Lie>> = {
  'a 403': () => {
    throw new ClusterError('STORE_FORBIDDEN', 'list is not allowed');
  },
  'an empty list': (truth) => ({ ...truth, members: [] }),
  'half a list': (truth) => ({ ...truth, members: truth.members.slice(0, 1), complete: false }),
  'half a list that says it is whole': (truth) => ({ ...truth, members: truth.members.slice(0, 1) }),
  'an old revision': (_truth, before) => before,
};

/** n3 is dead, and the store tells this to everybody. */
async function believesNoLie(site: Site, lie: Lie): Promise<void> {
  const { removalMs } = await site.timing();
  await site.form(3);
  site.lose('n3');
  for (const line of site.lines.values()) {
    let before: MemberList | undefined;
    line.list = (truth) => lie(truth, (before ??= truth));
  }
  await sleep(removalMs);
  expect(site.removed).toEqual([]);
}

function onStore(store: RealStore): void {
  let running: RunningStore;
  beforeAll(async () => {
    running = await store.start();
  });
  afterAll(() => running.stop());
  const on = async (run: (site: Site) => Promise<void>) => {
    const site = new Site(store, running, newCluster());
    try {
      await run(site);
    } finally {
      await site.end();
    }
  };
  describe.concurrent('with daemons that keep data', { timeout: 60_000 + 30 * store.ttlMs }, () => {
    it('S35 F15: removes the dead in time, and a forgotten node that boots first is not the cluster', () =>
      on(removesTheDead));
    it('C1 C4 C5 C15 S38: spares who is listed, runs, or is away for less than the grace', () => on(sparesTheLiving));
    it('C14: of five nodes that are cut off one after another it does not remove all', () => on(keepsAMajority));
    it('C13: a removal and a return of one name never overlap', () => on(neverOverlaps));
    it.each(Object.entries(LIES))('C2 C3 S36 S41 S42: %s removes nobody', (_what, lie) =>
      on((site) => believesNoLie(site, lie)),
    );
  });
}

/** One file, and so one process, for each store: they run at the same time, and none is late because of another one. */
export const cleanupOn = (name: string): void => suiteOn(name, 'cleanup', onStore);
