import { ORACLES } from '@autocluster/testing';
import { type Limits, MUTANTS, type Verdict } from './index.ts';
import type { Mutant } from './mutant.ts';

/** Oracles that saw none of these bugs before others did: nobody knows whether they can see anything by themselves. */
export function idleOracles(verdicts: readonly Verdict[]): readonly string[] {
  const seeing = new Set(verdicts.flatMap(({ firstBy }) => firstBy));
  return ORACLES.map(({ id }) => id).filter((id) => !seeing.has(id));
}

export const survivors = (verdicts: readonly Verdict[]): readonly Verdict[] =>
  verdicts.filter(({ killedBy }) => killedBy === undefined);

export const untriedMutants = (verdicts: readonly Verdict[]): readonly Mutant[] =>
  MUTANTS.filter((each) => !verdicts.some(({ mutant }) => mutant === each));

const list = (lines: readonly string[]): string =>
  lines.length > 0 ? lines.map((line) => `- ${line}`).join('\n') : 'None.';
const named = ({ id, bug }: Mutant): string => `\`${id}\`: ${bug}`;

function mutantRow({ mutant: { id, bug }, firstBy, seenBy, histories }: Verdict): string {
  const later = seenBy.filter((each) => !firstBy.includes(each));
  return `| ${id} | ${bug} | ${firstBy.join(' ') || '**nobody**'} | ${later.join(' ')} | ${histories} |`;
}

function oracleRow({ id, holds }: (typeof ORACLES)[number], verdicts: readonly Verdict[]): string {
  const names = (chosen: readonly Verdict[]) => chosen.map(({ mutant }) => mutant.id).join(', ');
  const first = verdicts.filter(({ firstBy }) => firstBy.includes(id));
  const alone = first.filter(({ seenBy }) => seenBy.length === 1);
  const later = verdicts.filter(({ firstBy, seenBy }) => !firstBy.includes(id) && seenBy.includes(id));
  const shared = first.filter((each) => !alone.includes(each));
  return `| ${id} | ${holds} | ${names(alone)} | ${names(shared)} | ${names(later)} |`;
}

/** What killed what, as Markdown. */
export function killTable(verdicts: readonly Verdict[], { histories, seed }: Limits): string {
  const killed = verdicts.filter(({ killedBy }) => killedBy !== undefined);
  const slowest = Math.max(0, ...killed.map((each) => each.histories));
  const seenNone = idleOracles(verdicts).map((id) => `\`${id}\`: ${ORACLES.find((each) => each.id === id)?.holds}`);
  return `# Planted bugs, and which oracle saw them

Written by \`npm run simulate:mutants -- --histories ${histories} --seed ${seed} --write FILE\`; do not edit. Each bug is planted into a copy of the
sources, and histories are run until an oracle sees it, at most ${histories}. The same seed makes the same table. A bug of a store
that no oracle sees is shown to the conformance kit, whose cases have names like \`LOCK-007\`.

Of ${MUTANTS.length} bugs, ${verdicts.length} were tried and ${killed.length} were seen, the slowest after ${slowest} histories.

## Tried and not seen

${list(survivors(verdicts).map(({ mutant }) => named(mutant)))}

## Not tried

${list(untriedMutants(verdicts).map(named))}

## Oracles that saw none of those that were tried before others did

${list(seenNone)}

## Bugs

| bug | what it is | first seen by | in the same history by | histories |
| --- | --- | --- | --- | ---: |
${verdicts.map(mutantRow).join('\n')}

## Oracles

| oracle | what must hold | saw alone | saw first | saw later |
| --- | --- | --- | --- | --- |
${ORACLES.map((oracle) => oracleRow(oracle, verdicts)).join('\n')}
`;
}
