import { readFileSync } from 'node:fs';
import {
  addStatistics,
  FAULTS,
  noStatistics,
  type Outcome,
  type Plan,
  planOf,
  runPlan,
  simulate,
  statisticsOf,
  untried,
} from '@autocluster/testing';
import { describe, expect, it } from 'vitest';
import { planText, progressLine, violationLines } from './report.ts';
import { search } from './search.ts';

interface Regression {
  /** What this history once showed, and where it is mended. */
  readonly was: string;
  readonly plan: Plan;
}

const REGRESSIONS = JSON.parse(
  readFileSync(new URL('./regressions.json', import.meta.url), 'utf8'),
) as readonly Regression[];

const SECONDS = 20;
/** Another one each time; set it to repeat a run. */
const SEED = process.env['SIMULATION_SEED'] ?? process.hrtime.bigint().toString(36);

/** Empty when nothing was violated. */
const wrongIn = ({ plan, violations }: Outcome): string =>
  violations.length === 0 ? '' : `${violationLines(violations)}\n${planText(plan)}`;

describe('simulated histories', () => {
  it.each([1, 2, 3, 4, 5, 6])('seed %i twice is the same history, to the letter', async (seed) => {
    const first = await simulate({ seed, transcript: true });
    const again = await simulate({ seed, transcript: true });
    expect(first.transcript.length).toBeGreaterThan(30);
    expect(again.transcript.join('\n')).toBe(first.transcript.join('\n'));
    expect(again.violations).toEqual(first.violations);
  });

  it('does not run differently because somebody writes it down', async () => {
    const [quiet, told] = [await simulate({ seed: 7 }), await simulate({ seed: 7, transcript: true })];
    expect([quiet.lastedMs, quiet.checks, quiet.struck]).toEqual([told.lastedMs, told.checks, told.struck]);
  });

  it.each(REGRESSIONS.map((each) => [each.was, each] as const))('stays mended: %s', async (_, { plan }) => {
    expect(wrongIn(await runPlan(plan))).toBe('');
  });

  it(`new histories of seed ${SEED} violate nothing`, { timeout: 300_000 }, async () => {
    const histories = 1_000_000;
    const found = await search({ seed: SEED, histories, workers: 2, limitMs: SECONDS * 1_000 });
    console.log(progressLine(found, found.statistics.histories));
    const wrong = found.findings.map(({ seed, violations }) => {
      return `${seed}\n${violationLines(violations)}\n  npm run simulate -- --replay ${seed} --shrink`;
    });
    expect(wrong.join('\n')).toBe('');
    expect(found.statistics.histories).toBeGreaterThan(2);
  });
});

it('a search for what cannot be drawn fails, and waits for nobody', async () => {
  const impossible = search({ seed: SEED, histories: 2, workers: 1, faults: ['no such fault'] });
  await expect(impossible).rejects.toThrow('a worker ended with code 1 before it was done');
});

describe('each fault alone', () => {
  let all = noStatistics();
  const possible = FAULTS.filter(({ id }) => id !== '60');
  it.each(possible.map(({ id, title }) => [id, title] as const))('%s strikes: %s', async (id) => {
    let strikes = 0;
    for (let index = 0; index < 60 && strikes < 2; index += 1) {
      const outcome = await runPlan(planOf({ seed: `${SEED}-alone-${index}`, nodes: 4, faults: [id] }));
      expect(wrongIn(outcome)).toBe('');
      all = addStatistics(all, statisticsOf(outcome));
      strikes += outcome.struck[id] ?? 0;
    }
    expect(strikes).toBeGreaterThan(0);
  });

  it('every oracle had something to check', async () => {
    for (let index = 0; untried(all).length > 0 && index < 1_000; index += 1) {
      all = addStatistics(all, statisticsOf(await simulate({ seed: `${SEED}-oracles-${index}` })));
    }
    expect(untried(all)).toEqual([]);
  });
});
