import { FAULTS } from './faults/index.js';
import { ORACLES } from './oracles/index.js';
import type { Outcome } from './run-plan.js';

export interface Statistics {
  readonly histories: number;
  /** Simulated time, in ms. */
  readonly lastedMs: number;
  /** How often each fault of the catalogue struck, by its row. */
  readonly struck: Readonly<Record<string, number>>;
  /** How often each oracle had something to check, by its number. */
  readonly checks: Readonly<Record<string, number>>;
}

const zeros = (ids: readonly { readonly id: string }[]): Record<string, number> =>
  Object.fromEntries(ids.map(({ id }) => [id, 0]));

/** Everything at zero: what never occurs stays visible. */
export const noStatistics = (): Statistics => ({
  histories: 0,
  lastedMs: 0,
  struck: zeros(FAULTS),
  checks: zeros(ORACLES),
});

function sums(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): Record<string, number> {
  const sum: Record<string, number> = { ...a };
  for (const [id, count] of Object.entries(b)) sum[id] = (sum[id] ?? 0) + count;
  return sum;
}

export function addStatistics(a: Statistics, b: Statistics): Statistics {
  return {
    histories: a.histories + b.histories,
    lastedMs: a.lastedMs + b.lastedMs,
    struck: sums(a.struck, b.struck),
    checks: sums(a.checks, b.checks),
  };
}

export const statisticsOf = ({ lastedMs, struck, checks }: Outcome): Statistics => ({
  histories: 1,
  lastedMs,
  struck,
  checks,
});

/** What a run has not tried: faults that never struck, and oracles that never had anything to look at. */
export function untried({ struck, checks }: Statistics): readonly string[] {
  const none = (counts: Readonly<Record<string, number>>) => Object.keys(counts).filter((id) => counts[id] === 0);
  return [...none(struck).map((id) => `fault ${id}`), ...none(checks).map((id) => `oracle ${id}`)];
}
