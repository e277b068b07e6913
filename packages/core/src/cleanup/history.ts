import type { ErrorCode, NodeId } from '../backend/index.js';
import type { BrakeName } from './brake.js';
import type { Removal } from './removal.js';
import type { CleanupPlan } from './plan/index.js';

/** What one tick of the executor came to. */
export interface CleanupTick {
  /** ISO 8601, for people. */
  readonly at: string;
  /** Who asked for it: the interval, or an operator who applied a plan. */
  readonly by: 'interval' | 'operator';
  readonly candidates: readonly NodeId[];
  /** Brakes that held the plan, or that refused a removal when it was looked again. */
  readonly heldBy: readonly BrakeName[];
  readonly removals: readonly Removal[];
  /** Why there was no plan at all. */
  readonly failure: { readonly code: ErrorCode; readonly text: string } | undefined;
}

/** Counted since the node was made. */
export interface CleanupCounters {
  readonly ticks: number;
  readonly removed: number;
  /** Removals that failed. */
  readonly failed: number;
  /** By brake: how many ticks it held, or refused a removal. */
  readonly held: Readonly<Partial<Record<BrakeName, number>>>;
}

export interface History {
  readonly ticks: readonly CleanupTick[];
  readonly counters: CleanupCounters;
  add(tick: CleanupTick): void;
}

/** All brakes of a plan, those of its candidates included, each once. */
export function brakesOf(plan: CleanupPlan): readonly BrakeName[] {
  const held = [...plan.heldBy, ...plan.candidates.flatMap((each) => each.heldBy)];
  return [...new Set(held.map(({ brake }) => brake))];
}

export function createHistory(most: number): History {
  const ticks: CleanupTick[] = [];
  const held = new Map<BrakeName, number>();
  let [count, removed, failed] = [0, 0, 0];
  return {
    get ticks() {
      return [...ticks];
    },
    get counters() {
      return { ticks: count, removed, failed, held: Object.fromEntries(held) };
    },
    add(tick) {
      ticks.push(tick);
      if (ticks.length > most) ticks.shift();
      count += 1;
      removed += tick.removals.filter((each) => each.kind === 'removed').length;
      failed += tick.removals.filter((each) => each.kind === 'failed').length;
      for (const brake of tick.heldBy) held.set(brake, (held.get(brake) ?? 0) + 1);
    },
  };
}
