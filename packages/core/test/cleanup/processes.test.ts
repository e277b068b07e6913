import type { ClusterNode } from '@autocluster/core';
import type { SimulatedProcess } from '@autocluster/testing';
import { describe, expect, it } from 'vitest';
import { World } from '../node/kit.js';
import { CLEANUP, LONG_MS } from './world.js';

/** Processes that are their own daemons, with what each of them was told of the others. */
class ProcessWorld extends World {
  readonly forgotten: { readonly node: string; readonly by: string }[] = [];
  /** Who has undone what it did in the cluster, and who was let in, in order. */
  readonly entered: string[] = [];
  readonly #processes = new Map<string, SimulatedProcess>();

  /** n1, n2, n3, formed, with an executor that has seen them all. */
  static async ofThree(): Promise<ProcessWorld> {
    const world = new ProcessWorld();
    for (const name of ['n1', 'n2', 'n3']) world.boot(name);
    await world.formed('n1', 'n2', 'n3');
    await world.until(() => world.executor !== undefined);
    await world.time.advance(60_000);
    return world;
  }

  boot(name: string, cleanup = CLEANUP): void {
    const runtime = this.time.process();
    this.#processes.set(name, runtime);
    const driver = this.process(name, {
      onForget: (node) => void this.forgotten.push({ node, by: name }),
      onReset: () => void this.entered.push(`${name} is reset`),
      onJoin: () => void this.entered.push(`${name} joins`),
    });
    this.launch(name, { driver, runtime, cleanup });
  }

  processOf(name: string): SimulatedProcess {
    const process = this.#processes.get(name);
    if (!process) throw new Error(`no process ${name}`);
    return process;
  }

  kill(name: string): void {
    this.processOf(name).crash();
    this.nodes.delete(name);
  }

  get executor(): ClusterNode | undefined {
    return [...this.nodes.values()].find(({ name, cleanup }) => cleanup.status.executor === name);
  }

  /** The others, which have the evidence of no removal. */
  get bystanders(): readonly ClusterNode[] {
    return [...this.nodes.values()].filter((node) => node !== this.executor);
  }
}

/** One of three is gone for good, and was removed. */
async function afterRemoval() {
  const world = await ProcessWorld.ofThree();
  const dead = world.bystanders.at(-1)?.name ?? '';
  world.kill(dead);
  await world.until(() => world.forgotten.length === 1, LONG_MS);
  await world.time.advance(1_000);
  return { world, dead };
}

describe('a process that was removed', () => {
  it('S4: is missed no more by anybody, also where another process was told to forget it', async () => {
    const { world } = await afterRemoval();
    for (const node of world.nodes.values()) {
      const report = await world.settle(node.health());
      expect([node.name, report.status, report.members]).toEqual([node.name, 'ok', 2]);
    }
  });

  it('can be pruned from every node', async () => {
    const { world, dead } = await afterRemoval();
    const [bystander] = world.bystanders;
    expect(await world.settle(bystander?.cleanup.prune() ?? Promise.reject(new Error('no node')))).toEqual([dead]);
  });

  it('does not hold the removal of others at the next executor, however many were removed before', async () => {
    const world = await ProcessWorld.ofThree();
    const first = world.executor?.name ?? '';
    for (const next of ['n4', 'n5', 'n6', 'n7']) {
      world.kill(world.bystanders.at(-1)?.name ?? '');
      await world.time.advance(LONG_MS);
      world.boot(next, { mode: 'off' });
      await world.formed(next);
      await world.time.advance(60_000);
    }
    expect(world.forgotten).toHaveLength(4);
    const [second] = world.bystanders;
    world.kill(first);
    await world.time.advance(4 * LONG_MS);
    expect(world.executor).toBe(second);
    expect(world.forgotten).toContainEqual({ node: first, by: second?.name });
  });

  it('F15: joins anew when it was only paused and goes on, since the others have been told that it is gone', async () => {
    const world = await ProcessWorld.ofThree();
    const paused = world.bystanders.at(-1)?.name ?? '';
    world.processOf(paused).pause();
    await world.until(() => world.forgotten.length === 1, LONG_MS);
    await world.time.advance(1_000);
    const before = world.entered.length;
    world.processOf(paused).resume();
    await world.time.advance(60_000);
    expect(world.entered.slice(before)).toEqual([`${paused} is reset`, `${paused} joins`]);
    expect(world.stateOf(paused)).toBe('formed');
    expect(world.cluster.record).toMatchObject({ record: { removed: [], size: 3 } });
  });

  it('F15: joins anew also when it is held up again as soon as it is formed and no more called removed', async () => {
    const world = await ProcessWorld.ofThree();
    const paused = world.bystanders.at(-1)?.name ?? '';
    const again = [`${paused} is reset`, `${paused} joins`];
    const before = world.entered.length;
    world.processOf(paused).pause();
    await world.until(() => world.forgotten.length === 1, LONG_MS);
    world.processOf(paused).resume();
    const isBack = () => world.cluster.record.kind === 'present' && world.cluster.record.record.removed.length === 0;
    await world.until(() => isBack() && world.stateOf(paused) === 'formed');
    world.processOf(paused).pause();
    await world.until(() => world.forgotten.length === 2, LONG_MS);
    world.processOf(paused).resume();
    await world.time.advance(60_000);
    expect(world.entered.slice(before)).toEqual([...again, ...again]);
    expect(world.stateOf(paused)).toBe('formed');
  });
});
