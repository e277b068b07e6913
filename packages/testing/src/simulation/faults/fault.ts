import type { Random } from '../../time/index.js';
import type { PlanValues, Traits } from '../plan.js';
import type { Stage } from '../stage.js';

/** What a fault knows when it is drawn. */
export interface Outline {
  readonly traits: Traits;
  readonly random: Random;
  readonly pick: <T>(choices: readonly T[]) => T;
  readonly chance: (probability: number) => boolean;
  /** A whole number from 0, less than this. */
  readonly below: (limit: number) => number;
  readonly node: () => string;
  /** Up to so many TTLs, in ms; short ones are drawn more often. */
  readonly ttls: (most: number) => number;
}

/** One row of the fault catalogue, as something that can be done to a history. */
export interface FaultKind {
  /** Its row in the catalogue. */
  readonly id: string;
  readonly title: string;
  /** Whether it is there before the first node is launched. */
  readonly isEarly: boolean;
  /** Whether it lies in wait for what mostly happens while a cluster is formed: a create, a join, a lock. */
  readonly liesInWait: boolean;
  /** Whether it can happen at all in a history with these traits. */
  readonly fits: (traits: Traits) => boolean;
  readonly draw: (outline: Outline) => PlanValues;
  readonly strike: (stage: Stage, values: PlanValues) => void;
}

interface Definition<Values extends PlanValues> {
  readonly title: string;
  readonly fits?: (traits: Traits) => boolean;
  readonly isEarly?: boolean;
  readonly liesInWait?: boolean;
  readonly draw: (outline: Outline) => Values;
  readonly strike: (stage: Stage, values: Values, id: string) => void;
}

/** A fault whose values are of one type. They come back from a plan as they were drawn. */
export function fault<Values extends PlanValues>(id: string, definition: Definition<Values>): FaultKind {
  const { title, fits = () => true, isEarly = false, liesInWait = false, draw, strike } = definition;
  return { id, title, fits, isEarly, liesInWait, draw, strike: (stage, values) => strike(stage, values as Values, id) };
}
