import type { CaseResult, Report } from './result.js';

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** `n` of them, and what they are. */
const counted = (n: number, what: string): string[] => (n === 0 ? [] : [`${n} ${what}`]);

/** How it went, and what was not asked and why, in a few lines. */
export function summaryOf({ subject, counts, results, tookMs }: Report): readonly string[] {
  const parts = [
    `${counts.passed} passed`,
    ...counted(counts.failed, 'failed'),
    ...counted(counts['unexpected-pass'], 'passed against the list of known failures'),
    ...counted(counts['known-failure'], 'failed as known'),
    ...counted(counts['not-asked'], 'not for this store'),
  ];
  const reasons = new Map<string, string[]>();
  for (const { status, id, because = '' } of results) {
    if (status === 'not-asked' || status === 'known-failure')
      reasons.set(because, [...(reasons.get(because) ?? []), id]);
  }
  const lines = [...reasons].map(([because, ids]) => `  ${ids.join(' ')}: ${because}`);
  return [`${subject}: ${parts.join(', ')}, in ${seconds(tookMs)}`, ...lines];
}

const MARKS: Readonly<Record<CaseResult['status'], string>> = {
  passed: 'ok  ',
  failed: 'FAIL',
  'known-failure': 'known',
  'unexpected-pass': 'FAIL',
  'not-asked': '-   ',
};

const indented = (text: string): string => text.replaceAll(/^/gm, '       ');

/** One case for people; what went wrong below it. */
export function lineOf({ id, sentence, status, because, tookMs, protects }: CaseResult): string {
  const head = `${MARKS[status]} ${id} ${sentence}`;
  if (status === 'passed') return `${head} (${seconds(tookMs)})`;
  const invariants = status === 'failed' && protects.length > 0 ? `\n       protects ${protects.join(', ')}` : '';
  return because === undefined ? head : `${head}\n${indented(because)}${invariants}`;
}
