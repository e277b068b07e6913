import { invalidRange, invalidType, requireKnown } from '@autocluster/core/backend';
import { checkTraits, requireNodes, requireSeed } from './check-plan.js';
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

function checkFaults(faults: readonly string[]): void {
  if (!Array.isArray(faults)) throw invalidType('faults', faults, "an array, e.g. ['35', '41']");
  const stranger = faults.find((each) => !CATALOGUE.has(each));
  if (stranger !== undefined) throw invalidRange('faults', stranger, [...CATALOGUE.keys()].join(' | '));
}

/** What will happen in the history of a seed. Throws `INVALID_OPTION`. */
export function planOf(options: SimulateOptions): Plan {
  requireKnown(options, OPTIONS, 'simulate');
  const { seed, nodes, faults, traits = {}, driver } = options;
  requireSeed('seed', seed);
  if (nodes !== undefined) requireNodes('nodes', nodes);
  checkTraits(traits);
  if (faults !== undefined) checkFaults(faults);
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
  const plan = planOf(options);
  const { driver, options: nodeOptions, transcript } = options;
  return runPlan(plan, { driver, options: nodeOptions, transcript });
}
