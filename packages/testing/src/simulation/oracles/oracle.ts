import type { Listener } from '../facts.js';
import type { Stage } from '../stage.js';
import type { Truth } from '../truth.js';

/** Where an oracle says what it has looked at and what it has found. */
export interface Court {
  readonly stage: Stage;
  readonly truth: Truth;
  /** Counts one look; false is a violation of the invariant. The text is asked for only then. */
  readonly check: (holds: boolean, text: () => string) => void;
}

export interface Watcher extends Listener {
  /** After everything has healed and had the time to settle. */
  readonly end?: () => void;
}

/** One invariant as code. It looks at what is true, on true time, never at what the core says of itself alone. */
export interface Oracle {
  /** Its number in the list of invariants. */
  readonly id: string;
  /** What must hold, in one sentence. */
  readonly holds: string;
  readonly watch: (court: Court) => Watcher;
}

export interface Violation {
  readonly oracle: string;
  readonly atMs: number;
  readonly text: string;
}
