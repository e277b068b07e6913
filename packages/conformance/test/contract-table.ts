import { CASES, CONTRACT, NOT_ASKED, type Rule } from '../src/index.js';

const cell = (text: string): string => text.replaceAll('|', '\\|');

/** The sentences of the contract with their cases, as the manual shows them. */
export function contractTable(): string {
  const rows = (Object.keys(CONTRACT) as Rule[]).map((rule) => {
    const [section, sentence] = CONTRACT[rule];
    const cases = CASES.filter((each) => each.rule === rule);
    const invariants = [...new Set(cases.flatMap(({ protects }) => protects))].toSorted();
    const asked = cases.map(({ id }) => id).join(' ') || `not asked: ${NOT_ASKED[rule] ?? ''}`;
    return `| ${section} | ${cell(sentence)} | ${cell(asked)} | ${invariants.join(' ')} |`;
  });
  return ['| | sentence | cases | protects |', '|---|---|---|---|', ...rows].join('\n');
}
