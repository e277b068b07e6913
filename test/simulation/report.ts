import { FAULTS, ORACLES, type Plan, type Statistics, untried, type Violation } from '@autocluster/testing';
import type { Found } from './search.ts';

const rate = (count: number, ms: number): string => (ms > 0 ? (count / (ms / 1_000)).toFixed(1) : '0');

export function progressLine({ statistics, findings, cpuMs, tookMs }: Found, total: number): string {
  const { histories } = statistics;
  const perSecond = `${rate(histories, tookMs)}/s, ${rate(histories, cpuMs)}/s of processor time`;
  return `${histories} of ${total} histories in ${(tookMs / 1_000).toFixed(0)} s (${perSecond}), ${findings.length} with violations`;
}

function table(title: string, rows: readonly (readonly [string, number, string])[]): string {
  const lines = rows.map(([id, count, text]) => `  ${id.padEnd(4)} ${String(count).padStart(12)}  ${text}`);
  return [title, ...lines].join('\n');
}

export function statisticsTable(statistics: Statistics): string {
  const { struck, checks } = statistics;
  const missing = untried(statistics);
  return [
    table(
      'fault    struck',
      FAULTS.map(({ id, title }) => [id, struck[id] ?? 0, title] as const),
    ),
    table(
      'oracle   checked',
      ORACLES.map(({ id, holds }) => [id, checks[id] ?? 0, holds] as const),
    ),
    missing.length === 0
      ? 'Every fault struck, and every oracle had something to check.'
      : `Never tried: ${missing.join(', ')}`,
  ].join('\n\n');
}

export const violationLines = (violations: readonly Violation[]): string =>
  violations.map(({ oracle, atMs, text }) => `  ${oracle} at ${(atMs / 1_000).toFixed(3)} s: ${text}`).join('\n');

export function planText({ seed, traits, healAtMs, happenings }: Plan): string {
  const lines = happenings.map(
    ({ atMs, fault, values }) =>
      `  ${(atMs / 1_000).toFixed(3).padStart(9)}  fault ${fault.padStart(2)} ${JSON.stringify(values)}`,
  );
  const head = `seed ${seed}\ntraits ${JSON.stringify(traits)}\nheals at ${healAtMs / 1_000} s`;
  return [head, ...lines].join('\n');
}
