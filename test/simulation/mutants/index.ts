import { runPlan } from '@autocluster/testing';
import { violationLines } from '../report.ts';
import { search } from '../search.ts';
import { CLEANUP_MUTANTS } from './cleanup-mutants.ts';
import { FAREWELL_MUTANTS } from './farewell-mutants.ts';
import { FORMATION_MUTANTS } from './formation-mutants.ts';
import { MEMBERSHIP_MUTANTS } from './membership-mutants.ts';
import { askKit } from './kit.ts';
import type { Mutant } from './mutant.ts';
import { SESSION_MUTANTS } from './session-mutants.ts';
import { STORE_CHANGE_MUTANTS } from './store-change-mutants.ts';
import { STORE_MUTANTS } from './store-mutants.ts';

export const MUTANTS: readonly Mutant[] = [
  ...STORE_MUTANTS,
  ...SESSION_MUTANTS,
  ...FORMATION_MUTANTS,
  ...STORE_CHANGE_MUTANTS,
  ...MEMBERSHIP_MUTANTS,
  ...CLEANUP_MUTANTS,
  ...FAREWELL_MUTANTS,
];

export interface Limits {
  readonly histories: number;
  readonly seed: string;
}

export interface Verdict {
  readonly mutant: Mutant;
  /** undefined: nobody has seen the bug. */
  readonly killedBy: string | undefined;
  /** Every oracle that saw it at that moment. */
  readonly firstBy: readonly string[];
  /** Every oracle that saw it in that history; or every case of the conformance kit, when no oracle saw it. */
  readonly seenBy: readonly string[];
  /** Until it was seen. */
  readonly histories: number;
}

/**
 * Runs histories with this bug until somebody sees it, and asks the conformance kit when nobody does. In one process: the same
 * seed makes the same verdict. Rejects when the history goes wrong without the bug as well: then nothing can be said about it.
 */
export async function tryMutant(mutant: Mutant, limits: Limits): Promise<Verdict> {
  const { statistics, findings } = await search({ ...limits, workers: 1, patches: mutant.patches, untilFirst: true });
  const [first] = findings;
  if (!first) {
    const failed = await askKit(mutant);
    return { mutant, killedBy: failed[0], firstBy: failed, seenBy: failed, histories: statistics.histories };
  }
  const without = await runPlan(first.plan);
  if (without.violations.length > 0)
    throw new Error(`${first.seed} goes wrong without ${mutant.id} as well:\n${violationLines(without.violations)}`);
  const seenBy = [...new Set(first.violations.map(({ oracle }) => oracle))];
  const firstMs = first.violations.reduce((least, { atMs }) => Math.min(least, atMs), Number.POSITIVE_INFINITY);
  const atOnce = first.violations.filter(({ atMs }) => atMs === firstMs);
  const firstBy = [...new Set(atOnce.map(({ oracle }) => oracle))];
  return { mutant, killedBy: firstBy[0], firstBy, seenBy, histories: statistics.histories };
}
