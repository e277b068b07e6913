import { invalidRange, requireKnown, requireWhole } from '@autocluster/core/backend';
import { drawPlan } from './draw-plan.js';
import { CATALOGUE } from './faults/index.js';
import type { Plan, Traits } from './plan.js';
import { type Outcome, type RunOptions, runPlan } from './run-plan.js';

export interface SimulateOptions extends RunOptions {
  /** Decides everything. The same seed makes the same history. */
  readonly seed: string | number;
  /** How many nodes. Default: 3 to 9, drawn. */
  readonly nodes?: number;
  /** Rows of the fault catalogue that may happen, e.g. `['35', '41']`. Default: all that fit. */
  readonly faults?: readonly string[];
  /** What else shall not be drawn from the seed. */
  readonly traits?: Partial<Traits>;
}

const OPTIONS = ['seed', 'nodes', 'faults', 'traits', 'driver', 'options', 'transcript'];
const MOST_NODES = 50;

/** What will happen in the history of a seed. Throws `INVALID_OPTION`. */
export function planOf({ seed, nodes, faults, traits, driver }: SimulateOptions): Plan {
  if (typeof seed !== 'string' && !Number.isFinite(seed)) throw invalidRange('seed', seed, 'a number or a text');
  if (nodes !== undefined) requireWhole('nodes', nodes, { min: 1, max: MOST_NODES });
  const stranger = faults?.find((each) => !CATALOGUE.has(each));
  if (stranger !== undefined) throw invalidRange('faults', stranger, [...CATALOGUE.keys()].join(' | '));
  const own = driver ? ({ daemon: 'own' } as const) : {};
  return drawPlan({ seed, nodes, faults, traits: { ...traits, ...own } });
}

/**
 * One history of a cluster, from a seed: real nodes of this library on a simulated store, network and clock, while what can
 * go wrong goes wrong. Answers which invariants were violated, if any; never rejects because of that.
 *
 * Bring your own `driver` to put your daemon's driver to the test; take its clock and timers from the runtime that it is
 * given, or the history cannot be repeated.
 */
export async function simulate(options: SimulateOptions): Promise<Outcome> {
  requireKnown(options, OPTIONS, 'simulate');
  const { driver, options: nodeOptions, transcript } = options;
  return runPlan(planOf(options), { driver, options: nodeOptions, transcript });
}
