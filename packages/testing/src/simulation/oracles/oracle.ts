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

/** One log for all oracles of a history: who asks for it first has it listen. */
export function perHistory<Log extends Listener>(make: () => Log): (court: Court) => Log {
  const logs = new WeakMap<Stage, Log>();
  return ({ stage }) => {
    const known = logs.get(stage);
    if (known) return known;
    const log = make();
    logs.set(stage, log);
    stage.listen(log);
    return log;
  };
}

/** One after the other. */
const after =
  <Told extends readonly unknown[]>(first: (...told: Told) => void, second: (...told: Told) => void) =>
  (...told: Told): void => {
    first(...told);
    second(...told);
  };

/** Several looks at one invariant. What none of them waits for costs nothing. */
export function together(...watchers: readonly Watcher[]): Watcher {
  return watchers.reduce((all, each) => ({
    ...all,
    ...each,
    ...(all.store && each.store && { store: after(all.store, each.store) }),
    ...(all.daemon && each.daemon && { daemon: after(all.daemon, each.daemon) }),
    ...(all.sent && each.sent && { sent: after(all.sent, each.sent) }),
    ...(all.answered && each.answered && { answered: after(all.answered, each.answered) }),
    ...(all.node && each.node && { node: after(all.node, each.node) }),
    ...(all.struck && each.struck && { struck: after(all.struck, each.struck) }),
    ...(all.end && each.end && { end: after(all.end, each.end) }),
  }));
}

export interface Violation {
  readonly oracle: string;
  readonly atMs: number;
  readonly text: string;
}
