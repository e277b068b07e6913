import { processDriver } from '@autocluster/core';
import {
  type Happening,
  type Outcome,
  type Plan,
  planOf,
  runPlan,
  shrinkPlan,
  simulate,
  type SimulateOptions,
  type Traits,
} from '@autocluster/testing';
import { describe, expect, it } from 'vitest';

const seeds = Array.from({ length: 12 }, (_, index) => index);

describe('traits that are given', () => {
  const GIVEN: readonly Partial<Traits>[] = [
    { daemon: 'durable' },
    { daemon: 'process' },
    { store: 'plain' },
    { store: 'consul' },
    { nodes: 2 },
    { ttlMs: 15_001, cleanup: 'remove' },
  ];
  it.each(GIVEN)('%j fit what else is drawn', async (traits) => {
    for (const seed of seeds) {
      const plan = planOf({ seed, faults: [], traits });
      expect(plan.traits).toMatchObject(traits);
      expect((await runPlan(plan)).violations).toEqual([]);
    }
  });
});

describe('what cannot be meant is refused, and names itself:', () => {
  it('a driver that is none', async () => {
    await expect(simulate({ seed: 1, driver: (() => undefined) as never })).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      option: 'driver',
    });
    await expect(simulate({ seed: 1, driver: processDriver() as never })).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      option: 'driver',
    });
  });

  const OPTIONS: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
    ['node', { node: 3 }],
    ['seed', { seed: Number.NaN }],
    ['seed', { seed: null }],
    ['nodes', { nodes: 0 }],
    ['faults', { faults: '35' }],
    ['faults', { faults: ['999'] }],
    ['traits', { traits: 5 }],
    ['nodez', { traits: { nodez: 3 } }],
    ['traits.nodes', { traits: { nodes: 51 } }],
    ['traits.store', { traits: { store: 'etcd' } }],
    ['traits.daemon', { traits: { daemon: 'own' } }],
    ['settleMs', { traits: { settleMs: -1 } }],
    ['ttlMs', { traits: { ttlMs: '6000' } }],
    ['select', { traits: { select: 'newest' } }],
    ['settleMs', { options: { settleMs: -1 } }],
    ['setleMs', { options: { setleMs: 1 } }],
  ];
  it.each(OPTIONS)('%s of simulate(%j)', async (option, wrong) => {
    const options = { seed: 1, ...wrong } as unknown as SimulateOptions;
    await expect(simulate(options)).rejects.toMatchObject({ code: 'INVALID_OPTION', option });
  });

  it('an option of planOf', () => {
    expect(() => planOf({ seed: 1, node: 3 } as never)).toThrow('INVALID_OPTION: node is "given"');
  });

  const good = planOf({ seed: 1, nodes: 3, faults: ['30', '4', '41'] });
  const pause: Happening = { atMs: 5, fault: '30', values: { node: 'n1', forMs: 100 } };
  const traits = (change: object) => ({ traits: { ...good.traits, ...change } });
  const happens = (change: object) => ({ happenings: [pause, { ...pause, ...change }] });
  const PLANS: readonly (readonly [string, object])[] = [
    ['heelAtMs', { heelAtMs: 1 }],
    ['healAtMs', { healAtMs: null }],
    ['healAtMs', { healAtMs: -1 }],
    ['quietMs', { quietMs: '5' }],
    ['seed', { seed: undefined }],
    ['happenings', { happenings: undefined }],
    ['traits.daemon', traits({ daemon: 'durabel' })],
    ['traits.store', traits({ store: undefined })],
    ['traits.workMs', traits({ workMs: undefined })],
    ['traits.jobs', traits({ jobs: 'yes' })],
    ['traits.cleanup', traits({ cleanup: 'on' })],
    ['traits.drift', traits({ drift: 1 })],
    ['traits.startsMs', traits({ startsMs: [0] })],
    ['traits.startsMs[2]', traits({ startsMs: [0, 1, null] })],
    ['happenings[1].fault', happens({ fault: '999' })],
    ['happenings[1].atMs', happens({ atMs: null })],
    ['happenings[1].values', happens({ values: undefined })],
    ['forMS', happens({ values: { node: 'n1', forMS: 100 } })],
    ['happenings[1].values.forMs', happens({ values: { node: 'n1' } })],
    ['happenings[1].values.forMs', happens({ values: { node: 'n1', forMs: null } })],
    ['happenings[1].values.node', happens({ values: { node: 1, forMs: 100 } })],
    ['happenings[1].values.side', happens({ fault: '41', values: { side: 'n1', forMs: 1 } })],
    ['happenings[1].values.side[0]', happens({ fault: '41', values: { side: [1], forMs: 1 } })],
  ];
  it.each(PLANS)('%s of a plan', async (option, wrong) => {
    const plan = { ...good, ...wrong } as unknown as Plan;
    await expect(runPlan(plan)).rejects.toMatchObject({ code: 'INVALID_OPTION', option });
  });

  it('a plan of an own driver without it, and the other way round', async () => {
    const driver = (node: string) => processDriver({ node });
    const own = planOf({ seed: 1, driver });
    const wrong = { code: 'INVALID_OPTION', option: 'traits.daemon' };
    await expect(runPlan(own)).rejects.toMatchObject(wrong);
    await expect(runPlan(good, { driver })).rejects.toMatchObject(wrong);
    const outcome = { plan: own, violations: [{ oracle: 'F10', atMs: 1, text: '' }] } as unknown as Outcome;
    await expect(shrinkPlan(outcome)).rejects.toMatchObject(wrong);
  });
});

it('a plan that went through JSON makes the same history', async () => {
  for (const seed of seeds) {
    const plan = planOf({ seed });
    const [first, again] = [await runPlan(plan), await runPlan(JSON.parse(JSON.stringify(plan)) as Plan)];
    expect([again.lastedMs, again.checks, again.struck]).toEqual([first.lastedMs, first.checks, first.struck]);
  }
});
