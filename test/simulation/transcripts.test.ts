import { type Happening, type Plan, planOf, runPlan, type Traits } from '@autocluster/testing';
import { expect, it } from 'vitest';

const TRAITS: Partial<Traits> = {
  daemon: 'durable',
  concurrentJoins: true,
  stepMs: 20,
  store: 'full',
  latencyMs: 1,
  drift: 0,
  ttlMs: 30_000,
  settleMs: 20_000,
  nodesExpectedMin: 1,
  select: 'first-by-name',
  onEvicted: 'stop',
  joinMinority: 'allow',
  whenNobodyAlive: 'wait',
  jobs: false,
  cleanup: 'off',
  checkups: false,
  startsMs: [0, 5, 10],
};

function planWith(happenings: readonly Happening[], healAtMs: number, traits: Partial<Traits> = {}): Plan {
  const plan = planOf({ seed: 'transcript', nodes: 3, traits: { ...TRAITS, ...traits } });
  return { ...plan, happenings, healAtMs };
}

/** Histories that everybody should be able to read. A change of the library shows here as a change of their words. */
const HISTORIES: readonly (readonly [string, Plan])[] = [
  ['three-form-a-cluster', planWith([], 1_000, { settleMs: 0 })],
  [
    'the-creator-is-killed-before-its-commit',
    planWith([{ atMs: 0, fault: '46', values: { verb: 'create', when: 'answered', ms: 1_000 } }], 90_000, {
      settleMs: 0,
    }),
  ],
  [
    'the-creator-is-killed-after-its-commit',
    planWith([{ atMs: 0, fault: '46', values: { verb: 'committed', when: 'sent', ms: 1_000 } }], 90_000, {
      settleMs: 0,
    }),
  ],
  ['the-store-is-wiped-under-a-cluster', planWith([{ atMs: 30_000, fault: '19', values: {} }], 60_000)],
  [
    'a-member-loses-its-data-under-a-supervisor-that-lives',
    planWith([{ atMs: 30_000, fault: '61', values: { node: 'n2' } }], 60_000),
  ],
];

it.each(HISTORIES)('%s', async (name, plan) => {
  const { transcript, violations } = await runPlan(plan, { transcript: true });
  expect(violations).toEqual([]);
  await expect(`${transcript.join('\n')}\n`).toMatchFileSnapshot(`./transcripts/${name}.txt`);
});
