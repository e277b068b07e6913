import type { Happening, Plan, Traits } from './plan.js';
import { type Outcome, type RunOptions, runPlan } from './run-plan.js';

/** Tries whether a smaller plan still violates the same invariant. */
type Attempt = (plan: Plan) => Promise<boolean>;

/** Without one part of the list after the other: halves first, then smaller ones, until nothing can go any more. */
async function withoutParts(plan: Plan, attempt: Attempt): Promise<Plan> {
  let best = plan;
  for (let size = Math.ceil(plan.happenings.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < best.happenings.length; ) {
      const happenings: readonly Happening[] = best.happenings.filter(
        (_, index) => index < from || index >= from + size,
      );
      const smaller = { ...best, happenings };
      if (await attempt(smaller)) best = smaller;
      else from += size;
    }
  }
  return best;
}

const SIMPLER: readonly Partial<Traits>[] = [
  { jobs: false },
  { cleanup: 'off' },
  { checkups: false },
  { drift: 0 },
  { latencyMs: 1 },
  { store: 'full' },
  { concurrentJoins: true },
  { stepMs: 0 },
  { nodesExpectedMin: 1 },
  { select: 'first-by-name' },
  { joinMinority: 'allow' },
];

async function withSimplerTraits(plan: Plan, attempt: Attempt): Promise<Plan> {
  let best = plan;
  for (const simpler of SIMPLER) {
    const next = { ...best, traits: { ...best.traits, ...simpler } };
    if (JSON.stringify(next) !== JSON.stringify(best) && (await attempt(next))) best = next;
  }
  while (best.traits.nodes > 1) {
    const nodes = best.traits.nodes - 1;
    const next = { ...best, traits: { ...best.traits, nodes, startsMs: best.traits.startsMs.slice(0, nodes) } };
    if (!(await attempt(next))) break;
    best = next;
  }
  return best;
}

/** The smallest plan that can be found which violates the same invariant as this outcome did first. */
export async function shrinkPlan({ plan, violations }: Outcome, options: RunOptions = {}): Promise<Plan> {
  const oracle = violations[0]?.oracle;
  if (oracle === undefined) return plan;
  const attempt: Attempt = async (smaller) => {
    const outcome = await runPlan(smaller, { ...options, transcript: false });
    return outcome.violations.some((each) => each.oracle === oracle);
  };
  const fewer = await withoutParts(plan, attempt);
  return withoutParts(await withSimplerTraits(fewer, attempt), attempt);
}
