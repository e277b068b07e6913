import { ORACLES } from '@autocluster/testing';
import { search } from '../search.ts';
import { FORMATION_MUTANTS } from './formation-mutants.ts';
import type { Mutant } from './mutant.ts';
import { SESSION_MUTANTS } from './session-mutants.ts';
import { STORE_MUTANTS } from './store-mutants.ts';

export const MUTANTS: readonly Mutant[] = [...STORE_MUTANTS, ...SESSION_MUTANTS, ...FORMATION_MUTANTS];

export interface Limits {
  readonly histories: number;
  readonly workers: number;
  readonly seed: string;
}

export interface Verdict {
  readonly mutant: Mutant;
  /** undefined: nobody has seen the bug. */
  readonly killedBy: string | undefined;
  /** Every oracle that saw it in that history. */
  readonly seenBy: readonly string[];
  /** Until it was seen. */
  readonly histories: number;
}

/** Runs histories with this bug until somebody sees it. */
export async function tryMutant(mutant: Mutant, limits: Limits): Promise<Verdict> {
  const { statistics, findings } = await search({ ...limits, patches: mutant.patches, untilFirst: true });
  const [first] = findings;
  const seenBy = [...new Set(first?.violations.map(({ oracle }) => oracle))];
  return { mutant, killedBy: first?.violations[0]?.oracle, seenBy, histories: statistics.histories };
}

/** What killed what, as Markdown. */
export function killTable(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(({ mutant: { id, bug }, killedBy, seenBy, histories }) => {
    const others = seenBy.filter((each) => each !== killedBy).join(' ');
    return `| ${id} | ${bug} | ${killedBy ?? '**nobody**'} | ${others} | ${histories} |`;
  });
  const killers = new Set(verdicts.flatMap(({ seenBy }) => seenBy));
  const idle = ORACLES.map(({ id }) => id).filter((id) => !killers.has(id));
  const head = '| mutant | bug | first seen by | also by | histories |\n| --- | --- | --- | --- | ---: |';
  const without =
    idle.length > 0 ? `Oracles that saw none of them: ${idle.join(', ')}.` : 'Every oracle saw one of them.';
  return `${head}\n${rows.join('\n')}\n\n${without}\n`;
}
