import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CleanupWorld, GRACE_MS, LONG_MS } from './world.js';

const MANUAL = readFileSync(new URL('../../CLEANUP.md', import.meta.url), 'utf8');

/** What happens, and what the manual says about it: each is one row of its table. */
interface Life {
  readonly what: string;
  readonly nodes: number;
  readonly happens: (world: CleanupWorld) => Promise<void> | void;
  /** Who is removed in the end, without anybody's help. */
  readonly removed?: readonly string[];
  /** Which brakes hold the plan; none: nobody is away long enough to be ripe, or somebody was removed. */
  readonly brakes?: readonly string[];
  /** The operator applies the plan: who is left, and the size of the cluster. */
  readonly applied?: { readonly left: readonly string[]; readonly size: number };
}

async function loseOneThenAnother(world: CleanupWorld): Promise<void> {
  world.lose('n3');
  await world.wait();
  world.lose('n2');
}

async function stopOneByOne(world: CleanupWorld): Promise<void> {
  for (const name of ['n5', 'n4', 'n3']) {
    await world.shutDown(name);
    await world.wait(5_000);
  }
}

/** Each old node goes before the grace of the first is over. */
async function rollOut(world: CleanupWorld): Promise<void> {
  for (const number of [1, 2, 3]) {
    await world.grow(3 + number, 3 + number);
    await world.shutDown(`n${number}`);
    await world.wait(3_000);
  }
}

async function restartInTurn(world: CleanupWorld): Promise<void> {
  for (const name of ['n1', 'n2', 'n3']) {
    await world.shutDown(name);
    await world.wait(30_000);
    world.boot(name);
    await world.formed(name);
  }
}

async function stopAll(world: CleanupWorld): Promise<void> {
  for (const name of ['n1', 'n2', 'n3']) await world.shutDown(name);
  await world.wait();
  for (const name of ['n1', 'n2', 'n3']) world.boot(name);
  await world.formed('n1', 'n2', 'n3');
}

async function leaveInTurn(world: CleanupWorld): Promise<void> {
  for (const number of [1, 2, 3]) {
    await world.grow(3 + number, 3 + number);
    await world.settle(world.node(`n${number}`).leave());
    world.nodes.delete(`n${number}`);
  }
}

const LIVES: readonly Life[] = [
  { what: 'three nodes lose one', nodes: 3, happens: (world) => void world.lose('n3'), removed: ['n3'] },
  {
    what: 'three nodes lose one, and later another',
    nodes: 3,
    happens: loseOneThenAnother,
    removed: ['n3'],
    brakes: ['minority', 'members-min'],
    applied: { left: ['n1'], size: 1 },
  },
  {
    what: 'two nodes lose one',
    nodes: 2,
    happens: (world) => void world.lose('n2'),
    brakes: ['minority', 'members-min'],
    applied: { left: ['n1'], size: 1 },
  },
  {
    what: 'five nodes lose two at once',
    nodes: 5,
    happens: (world) => void world.lose('n4', 'n5'),
    removed: ['n4', 'n5'],
  },
  {
    what: 'five nodes lose three at once',
    nodes: 5,
    happens: (world) => void world.lose('n3', 'n4', 'n5'),
    brakes: ['list-shrank', 'minority', 'removal-ratio', 'removals-per-tick'],
    applied: { left: ['n1', 'n2'], size: 2 },
  },
  {
    what: 'five nodes become two by plain stops',
    nodes: 5,
    happens: stopOneByOne,
    brakes: ['list-shrank', 'minority', 'removal-ratio', 'removals-per-tick'],
    applied: { left: ['n1', 'n2'], size: 2 },
  },
  {
    what: 'a rollout replaces every node by one with a new name, faster than the grace',
    nodes: 3,
    happens: rollOut,
    brakes: ['minority', 'removals-per-tick'],
    applied: { left: ['n4', 'n5', 'n6'], size: 3 },
  },
  { what: 'a rollout with new names, where each old node leaves', nodes: 3, happens: leaveInTurn },
  { what: 'a rolling restart with the same names', nodes: 3, happens: restartInTurn },
  { what: 'a full stop and start', nodes: 3, happens: stopAll },
];

describe('what ordinary life looks like', () => {
  it.each(LIVES.map((life) => [life.what, life] as const))('%s', async (_what, life) => {
    const { nodes, happens, removed = [], brakes = [], applied } = life;
    const world = await CleanupWorld.of(nodes);
    await happens(world);
    await world.wait();
    const made = await world.plan();
    expect([world.removed, made.brakes]).toEqual([removed, brakes]);
    expect(world.network.history.filter((fact) => fact.kind === 'forgotten' && fact.wasRunning)).toEqual([]);
    if (!applied) {
      expect(made.candidates).toEqual([]);
      return;
    }
    await world.settle(world.executor.cleanup.apply(made));
    const [first = ''] = applied.left;
    expect([world.membersOf(first), world.record?.size]).toEqual([applied.left, applied.size]);
    // What is left works on: another loss is judged by the new size.
    await world.wait();
    expect((await world.plan()).candidates).toEqual([]);
  });

  it.each(LIVES.map(({ what, removed, brakes }) => [what, removed, brakes] as const))(
    'the manual tells of it: %s',
    (what, removed, brakes = []) => {
      const row = MANUAL.split('\n').find((line) => line.startsWith(`| ${what} |`)) ?? 'no row';
      for (const brake of brakes.filter((each) => each !== 'removals-per-tick')) expect(row).toContain(`\`${brake}\``);
      expect(row.includes('removed')).toBe(removed !== undefined);
    },
  );
});

describe('C14 C16: five nodes that are cut off one after another', () => {
  it('are not all removed', async () => {
    const world = await CleanupWorld.of(5);
    const all = ['n1', 'n2', 'n3', 'n4', 'n5'];
    for (const name of ['n5', 'n4', 'n3', 'n2']) {
      world.cutOff(name, all);
      await world.wait();
    }
    expect(world.removed).toEqual(['n5', 'n4']);
    expect(world.record).toMatchObject({ size: 5 });
    expect(LONG_MS).toBeGreaterThan(4 * GRACE_MS);
  });

  it('C16: who joins one side of a partition counts in its base as well', async () => {
    const world = await CleanupWorld.of(5);
    world.network.partition([
      ['n1', 'n2', 'n6'],
      ['n3', 'n4', 'n5'],
    ]);
    for (const name of ['n3', 'n4', 'n5']) world.faults(name).inject({ kind: 'drop-request' });
    await world.wait(60_000);
    await world.grow(6, 6);
    await world.wait();
    // Three of five would be a majority; three of six are none.
    expect(world.record?.size).toBe(6);
    expect((await world.plan()).brakes).toContain('minority');
    expect(world.removed).toEqual([]);
  });
});
