import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Answer, CleanupObservation } from '../../src/cleanup/observation.js';
import { plan } from '../../src/cleanup/plan/index.js';
import { committed, OTHER } from '../formation/kit.js';
import { entry, observationOf, policyOf, RIPE_AT_MS, type Sketch } from './plan-kit.js';

const NAMES = ['n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n10'];
const some = fc.subarray(NAMES);
const said: fc.Arbitrary<Partial<Answer>> = fc.oneof(
  fc.constant({}),
  fc.record({
    status: fc.constantFrom('up', 'down', 'unknown'),
    knows: fc.constantFrom('me', 'cluster', 'other', 'nothing'),
  }),
);

/** Mostly a cluster that works, with anything that may be wrong with it now and then. */
const sketch: fc.Arbitrary<Sketch> = fc
  .record(
    {
      members: fc.subarray(NAMES, { minLength: 3 }).map((names) => [...new Set(['n1', ...names])]),
      away: some.map((names) => names.filter((name) => name !== 'n1').slice(0, 3)),
      size: fc.integer({ min: 1, max: 9 }),
      removed: fc.oneof({ weight: 4, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: some }),
      answers: fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, fc.dictionary(fc.constantFrom(...NAMES), said)),
      running: fc.oneof({ weight: 4, arbitrary: fc.constant({}) }, fc.dictionary(fc.constantFrom(...NAMES), some)),
      hasLock: fc.constantFrom(true, true, true, true, false),
      complete: fc.constantFrom(true, true, true, true, false),
      strangers: fc.constantFrom([], [], [], [entry('x', OTHER)]),
      own: fc.constantFrom(committed(), committed(), committed(), committed(OTHER), 'unknown' as const),
    },
    { requiredKeys: ['members', 'away'] },
  )
  .map((each) => each as Sketch);

const options = fc.record({
  mode: fc.constantFrom('report' as const, 'remove' as const, 'remove' as const),
  removalsPerTickMax: fc.integer({ min: 1, max: 3 }),
  membersMin: fc.integer({ min: 1, max: 4 }),
  observersUnknownMax: fc.integer({ min: 0, max: 2 }),
});

const question = fc.record({
  options,
  always: sketch,
  now: fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: sketch }),
  atMs: fc.constantFrom(RIPE_AT_MS, RIPE_AT_MS, [0, 15_000, 30_000]),
});

const RUNS = { numRuns: 2_000 };

function shuffled(observation: CleanupObservation): CleanupObservation {
  const { own, listing, answers } = observation;
  const backwards = <T>(values: readonly T[]): T[] => [...values].reverse();
  return {
    ...observation,
    own:
      own.kind === 'known'
        ? {
            ...own,
            membership: {
              ...own.membership,
              members: backwards(own.membership.members),
              running: backwards(own.membership.running),
            },
          }
        : own,
    listing:
      listing.kind === 'listed'
        ? { ...listing, list: { ...listing.list, members: backwards(listing.list.members) } }
        : listing,
    answers: new Map(backwards([...answers])),
  };
}

describe('whatever is seen, a plan', () => {
  it('is the same for the same observation, in whatever order it is told', () => {
    fc.assert(
      fc.property(question, (asked) => {
        const policy = policyOf(asked.options);
        const observation = observationOf(policy, asked);
        const made = plan(policy, observation);
        expect(plan(policy, shuffled(observation))).toEqual(made);
        expect(JSON.parse(JSON.stringify(made))).toEqual(JSON.parse(JSON.stringify(plan(policy, observation))));
      }),
      RUNS,
    );
  });

  it('removes nobody who is listed, runs, or is the executor, and never against a majority', () => {
    let removals = 0;
    fc.assert(
      fc.property(question, (asked) => {
        const policy = policyOf(asked.options);
        const observation = observationOf(policy, asked);
        const made = plan(policy, observation);
        const { own, listing, answers, memory } = observation;
        removals += made.removes.length;
        for (const node of made.removes) {
          if (own.kind !== 'known' || listing.kind !== 'listed') throw new Error('removes on what is not known');
          expect(listing.list.members.map((each) => each.node)).not.toContain(node);
          expect(own.membership.running).not.toContain(node);
          expect([...answers.values()].flatMap((each) => (each.status === 'up' ? each.running : []))).not.toContain(
            node,
          );
          expect(node).not.toBe('n1');
          expect(memory.absences.get(node)?.forMs).toBeGreaterThanOrEqual(policy.graceMs);
        }
        if (made.removes.length === 0) return;
        expect(made.heldBy.filter(({ brake }) => brake !== 'removals-per-tick')).toEqual([]);
        expect(made.witnesses.length * 2).toBeGreaterThan(made.base);
        expect(made.members.length - made.ripe.length).toBeGreaterThanOrEqual(policy.membersMin);
        expect(made.removes.length).toBeLessThanOrEqual(policy.removalsPerTickMax);
        expect(made.ripe).toEqual(expect.arrayContaining([...made.removes]));
      }),
      RUNS,
    );
    // The property says something: in many of these observations somebody is removed.
    expect(removals).toBeGreaterThan(50);
  });

  it('C10: reports exactly what it would remove', () => {
    fc.assert(
      fc.property(question, (asked) => {
        const policy = policyOf({ ...asked.options, mode: 'remove' });
        const observation = observationOf(policy, asked);
        const real = plan(policy, observation);
        const dry = plan({ ...policy, mode: 'report' }, observation);
        const withoutMode = dry.heldBy.filter(({ brake }) => brake !== 'report-only');
        expect({ ...dry, heldBy: withoutMode, removes: [] }).toEqual({ ...real, removes: [] });
      }),
      RUNS,
    );
  });
});
