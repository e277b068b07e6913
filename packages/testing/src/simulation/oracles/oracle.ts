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

/** Several looks at one invariant. */
export function together(...watchers: readonly Watcher[]): Watcher {
  const of = <K extends keyof Watcher>(hook: K) => watchers.flatMap((each) => each[hook] ?? []);
  const hooks = { store: of('store'), daemon: of('daemon'), sent: of('sent'), answered: of('answered') };
  const more = { node: of('node'), struck: of('struck'), end: of('end') };
  return {
    store: (event) => hooks.store.forEach((tell) => tell(event)),
    daemon: (event) => hooks.daemon.forEach((tell) => tell(event)),
    sent: (call) => hooks.sent.forEach((tell) => tell(call)),
    answered: (call) => hooks.answered.forEach((tell) => tell(call)),
    node: (actor, fact) => more.node.forEach((tell) => tell(actor, fact)),
    struck: (fault, about) => more.struck.forEach((tell) => tell(fault, about)),
    end: () => more.end.forEach((tell) => tell()),
  };
}

export interface Violation {
  readonly oracle: string;
  readonly atMs: number;
  readonly text: string;
}
