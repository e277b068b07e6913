import { invalidRange, invalidType, requireKnown } from '@autocluster/core/backend';
import type { Actor } from './actor.js';
import { checkPlan } from './check-plan.js';
import { CATALOGUE } from './faults/index.js';
import { heal } from './heal.js';
import { type Court, ORACLES, type Violation, type Watcher } from './oracles/index.js';
import type { Plan } from './plan.js';
import { Stage, type StageOptions } from './stage.js';
import { supervise } from './supervisor.js';
import { writeTranscript } from './transcript.js';

/** What one history has shown. */
export interface Outcome {
  readonly plan: Plan;
  readonly violations: readonly Violation[];
  /** How often each oracle had something to look at. */
  readonly checks: Readonly<Record<string, number>>;
  /** How often each fault truly struck. */
  readonly struck: Readonly<Record<string, number>>;
  /** Simulated time, in ms. */
  readonly lastedMs: number;
  /** Empty unless it was asked for. */
  readonly transcript: readonly string[];
}

export interface RunOptions extends StageOptions {
  /** Write down what happens. Default: false. */
  readonly transcript?: boolean | undefined;
}

function summon(stage: Stage, checks: Map<string, number>, violations: Violation[]): Watcher[] {
  return ORACLES.map((oracle) => {
    const { id } = oracle;
    const court: Court = {
      stage,
      truth: stage.truth,
      check(holds, text) {
        checks.set(id, (checks.get(id) ?? 0) + 1);
        if (!holds) violations.push({ oracle: id, atMs: Math.round(stage.nowMs), text: text() });
      },
    };
    const watcher = oracle.watch(court);
    stage.listen(watcher);
    return watcher;
  });
}

function schedule(stage: Stage): void {
  const { traits, happenings } = stage.plan;
  for (const { atMs, fault, values } of happenings) {
    const kind = CATALOGUE.get(fault);
    if (!kind) throw invalidRange('fault', fault, [...CATALOGUE.keys()].join(' | '));
    if (kind.isEarly) kind.strike(stage, values);
    else stage.later(atMs, () => kind.strike(stage, values));
  }
  for (const [index, name] of stage.names.entries()) stage.launchLater(name, traits.startsMs[index] ?? 0);
}

/** The longest time that everything may take to be well again, in ms. */
export function convergenceMs({ timing, traits, truth }: Stage): number {
  const joins = traits.nodes * (6 * traits.stepMs + 2 * timing.callTimeoutMs);
  return (
    4 * timing.latestTakeoverMs +
    2 * traits.settleMs +
    4 * timing.renewalMs +
    2 * traits.workMs +
    truth.prolongedMs +
    joins +
    30_000
  );
}

const isWell = (stage: Stage): boolean =>
  stage.launchesAhead === 0 && stage.living.every((actor) => actor.formedIn !== undefined);

/** All that live wait for an operator, and have waited for longer than anything takes that could still change it. */
function isLeftToOperators(stage: Stage): boolean {
  const { timing, traits, truth, living } = stage;
  const longMs = 2 * timing.latestTakeoverMs + 2 * traits.settleMs + 2 * timing.renewalMs + truth.prolongedMs;
  const waits = ({ state, stateSinceMs }: Actor) =>
    state.kind === 'waiting' && state.reason === 'nobody-alive' && stage.nowMs - stateSinceMs > longMs;
  return stage.launchesAhead === 0 && living.length > 0 && living.every(waits);
}

const converge = (stage: Stage): Promise<void> =>
  stage.time
    .runUntil(() => isWell(stage) || isLeftToOperators(stage), { limitMs: convergenceMs(stage) })
    .catch(() => undefined);

const OPTIONS = ['driver', 'options', 'transcript'];

/** Throws `INVALID_OPTION`. */
function checkRun(plan: Plan, options: RunOptions): void {
  checkPlan(plan);
  requireKnown(options, OPTIONS, 'runPlan');
  const { driver } = options;
  if (driver !== undefined && typeof driver !== 'function') {
    throw invalidType('driver', driver, 'a function that makes the driver of a node');
  }
  const { daemon } = plan.traits;
  if ((daemon === 'own') === (driver !== undefined)) return;
  throw invalidRange('traits.daemon', daemon, "'own' with the option driver, and only with it");
}

/**
 * Lets a plan come true, and answers what the oracles saw. Rejects `INVALID_OPTION`, before anything happens, when the plan
 * or the options cannot be meant; a plan that was made with a driver needs it again.
 */
export async function runPlan(plan: Plan, options: RunOptions = {}): Promise<Outcome> {
  checkRun(plan, options);
  const stage = new Stage(plan, options);
  const checks = new Map<string, number>();
  const struck = new Map<string, number>();
  const violations: Violation[] = [];
  const watchers = summon(stage, checks, violations);
  stage.listen({ struck: (fault) => void struck.set(fault, (struck.get(fault) ?? 0) + 1) });
  stage.listen(supervise(stage));
  const transcript = options.transcript ? writeTranscript(stage) : [];
  schedule(stage);
  try {
    await stage.time.advance(plan.healAtMs);
    heal(stage);
    await converge(stage);
    await stage.time.advance(plan.quietMs + 2 * stage.timing.callTimeoutMs);
    // Some only see in the quiet what has happened to them.
    if (!isWell(stage)) await converge(stage);
    // What has expired unseen is over too.
    stage.cluster.inspect();
    for (const watcher of watchers) watcher.end?.();
  } catch (error) {
    violations.push({ oracle: 'V5', atMs: Math.round(stage.nowMs), text: String(error) });
  }
  return {
    plan,
    violations,
    checks: Object.fromEntries(checks),
    struck: Object.fromEntries(struck),
    lastedMs: stage.nowMs,
    transcript,
  };
}
