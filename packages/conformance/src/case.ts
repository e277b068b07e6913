import type { Rule } from './contract.js';
import type { Need } from './need.js';
import type { Space } from './space/space.js';

/** One question to a store. */
export interface Case {
  /** Never given to another question, e.g. `LOCK-007`. */
  readonly id: string;
  /** What holds, in one sentence. */
  readonly sentence: string;
  /** The sentence of the contract that it belongs to. */
  readonly rule: Rule;
  /** Numbers of the invariants that it protects. */
  readonly protects: readonly string[];
  /** All of these switch it on. */
  readonly needs: readonly Need[];
  /** `apart`: runs beside others, mostly waiting for time to pass. `alone`: nothing else runs. Default: a few at a time. */
  readonly mode?: 'apart' | 'alone';
  readonly ask: (space: Space) => Promise<void>;
}
