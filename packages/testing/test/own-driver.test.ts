import { type ClusterDriver, processDriver } from '@autocluster/core';
import { daemonWorld, type DriverMaker, simulate } from '@autocluster/testing';
import { describe, expect, it } from 'vitest';

/** Drivers of daemons that keep data, as an embedder's. */
function ownDaemons(): DriverMaker {
  let world: ReturnType<typeof daemonWorld> | undefined;
  return (node, runtime) => {
    world ??= daemonWorld({ runtime, stepMs: 20 });
    return world.daemon(node).inProcess(runtime);
  };
}

/** A driver of somebody who writes JavaScript. */
const loose =
  (change: Readonly<Partial<Record<keyof ClusterDriver, unknown>>>): DriverMaker =>
  (node) =>
    ({ ...processDriver({ node }), ...change }) as ClusterDriver;

const seeds = Array.from({ length: 12 }, (_, index) => index);

describe('an own driver', () => {
  it('that keeps data has a history in each seed', async () => {
    for (const seed of seeds) {
      const { violations } = await simulate({ seed, driver: ownDaemons() });
      expect([seed, violations]).toEqual([seed, []]);
    }
  });

  it('may answer without a promise, as to the core', async () => {
    const create = { create: () => undefined };
    const { violations } = await simulate({ seed: 1, nodes: 2, faults: [], driver: loose(create) });
    expect(new Set(violations.map(({ oracle }) => oracle))).toEqual(new Set(['F10']));
    expect(violations[0]?.text).toContain('the daemon does not have the cluster that it created');
  });

  it('that throws at once is told as what it has thrown, and accuses no lock', async () => {
    const thrower = () => {
      throw new Error('no such daemon');
    };
    for (const verb of ['create', 'membership'] as const) {
      const { violations } = await simulate({ seed: 1, nodes: 2, faults: [], driver: loose({ [verb]: thrower }) });
      expect(new Set(violations.map(({ oracle }) => oracle))).toEqual(new Set(['F10']));
      expect(violations[0]?.text).toContain(`${verb} failed: no such daemon`);
    }
  });
});
