import { ClusterError } from '../errors/index.js';
import { orLate, type Runtime } from '../runtime/index.js';
import type { Exchange, Settled } from './exchange.js';

/** What one attempt is called: its place (a lock or a node name) and its own id. */
export interface AttemptKey {
  readonly place: string;
  readonly id: string;
}

/** How the things that an attempt can get (grants, registrations) are found, compared and removed. */
export interface AttemptKind<Thing> {
  readonly runtime: Runtime;
  /** Longest wait for exchanges that were given up to settle, before what they made is looked for. */
  readonly settleMs: number;
  readonly undo: (thing: Thing) => Promise<void>;
  /** Whether removing `late` would remove what was delivered. */
  readonly same: (late: Thing, delivered: Thing) => boolean;
}

export interface AttemptRun<Answer, Thing> {
  readonly start: () => Exchange<Answer>;
  /** What the answer says that we have; undefined when it says that we have nothing. */
  readonly thingOf: (answer: Answer) => Thing | undefined;
  /** Asks once more, after a doubtful end, what the attempt has. */
  readonly discover: () => Promise<Thing | undefined>;
  /** The call renews something that was delivered before. */
  readonly renewed: Thing | undefined;
}

export interface Attempts<Thing> {
  /** The undo that a new attempt at this place must wait for. */
  pending(place: string): Promise<void> | undefined;
  isOpen(key: AttemptKey): boolean;
  run<Answer>(key: AttemptKey, run: AttemptRun<Answer, Thing>): Promise<Answer>;
  /** Over and never delivered: removes whatever it got or still gets. */
  giveUp(key: AttemptKey): Promise<void>;
  /**
   * Over after delivery: ends its exchanges; resolves when they have settled, undefined when none was running. What comes
   * later is removed.
   */
  finish(key: AttemptKey): Promise<unknown> | undefined;
  giveUpAll(): Promise<void>;
}

interface Flight {
  readonly number: number;
  readonly abort: (reason: unknown) => void;
  readonly settled: Promise<unknown>;
}

interface Attempt<Thing> {
  readonly key: AttemptKey;
  readonly flying: Set<Flight>;
  readonly strays: Thing[];
  delivered: Thing | undefined;
  /** Number of the last exchange that ended with unknown outcome; 0 when there is no doubt. */
  doubt: number;
  over: 'given-up' | 'finished' | undefined;
  discover: () => Promise<Thing | undefined>;
}

const OVER = 'the attempt is over';
const allSettled = ({ flying }: Attempt<never> | Attempt<unknown>): Promise<unknown> =>
  Promise.all(Array.from(flying, ({ settled }) => settled));
const nameOf = ({ place, id }: AttemptKey): string => `${place}/${id}`;

/**
 * Keeps account of attempts whose answers may come too late. An undo belongs to an attempt, never to one exchange: a
 * repeat may adopt what a lost answer had made, and what was delivered is never undone behind its owner's back.
 */
export function createAttempts<Thing>(kind: AttemptKind<Thing>): Attempts<Thing> {
  const open = new Map<string, Attempt<Thing>>();
  const undos = new Map<string, Set<Promise<void>>>();
  let exchanges = 0;

  function track(place: string, work: Promise<void>): Promise<void> {
    const atPlace = undos.get(place) ?? new Set();
    undos.set(place, atPlace);
    const tracked = work
      .catch(() => undefined) // what cannot be removed lapses
      .then(() => {
        atPlace.delete(tracked);
        if (atPlace.size === 0 && undos.get(place) === atPlace) undos.delete(place);
      });
    atPlace.add(tracked);
    return tracked;
  }

  function isUnwanted(attempt: Attempt<Thing>, thing: Thing): boolean {
    if (attempt.over === undefined || open.has(nameOf(attempt.key))) return false;
    if (attempt.delivered === undefined) return true;
    return attempt.over === 'finished' && !kind.same(thing, attempt.delivered);
  }

  function conclude<Answer>(attempt: Attempt<Thing>, flight: Flight, run: AttemptRun<Answer, Thing>) {
    return (adopted: boolean, result: Settled<Answer>) => {
      attempt.flying.delete(flight);
      if (result.kind === 'failed') {
        if (result.error.outcomeUnknown) attempt.doubt = Math.max(attempt.doubt, flight.number);
      } else {
        account(attempt, flight, adopted, run.thingOf(result.answer));
      }
      forgetIfIdle(attempt);
    };
  }

  function account(attempt: Attempt<Thing>, flight: Flight, adopted: boolean, thing: Thing | undefined): void {
    if (thing === undefined) {
      if (flight.number > attempt.doubt) attempt.doubt = 0;
    } else if (adopted) {
      attempt.delivered = thing;
    } else if (isUnwanted(attempt, thing)) {
      void track(attempt.key.place, kind.undo(thing));
    } else if (attempt.over === undefined) {
      attempt.strays.push(thing);
    }
  }

  function forgetIfIdle(attempt: Attempt<Thing>): void {
    const inDoubt = attempt.delivered === undefined && attempt.strays.length + attempt.doubt > 0;
    if (attempt.over !== undefined || attempt.flying.size > 0 || inDoubt) return;
    open.delete(nameOf(attempt.key));
  }

  async function removeAll(attempt: Attempt<Thing>): Promise<void> {
    // Answers that come while we wait, or later, are removed as they come.
    await orLate(kind.runtime, allSettled(attempt), kind.settleMs);
    const { strays } = attempt;
    const found = strays.length > 0 || attempt.doubt === 0 ? strays : [await attempt.discover()];
    await Promise.all(found.map((thing) => (thing === undefined ? undefined : kind.undo(thing))));
  }

  function end(key: AttemptKey, over: 'given-up' | 'finished'): Attempt<Thing> | undefined {
    const attempt = open.get(nameOf(key));
    if (attempt === undefined) return undefined;
    open.delete(nameOf(key));
    attempt.over = over;
    for (const flight of attempt.flying) flight.abort(new ClusterError('ABORTED', OVER));
    return attempt;
  }

  function giveUp(key: AttemptKey): Promise<void> {
    const attempt = end(key, 'given-up');
    if (attempt === undefined || attempt.delivered !== undefined) return Promise.resolve();
    if (attempt.flying.size + attempt.strays.length + attempt.doubt === 0) return Promise.resolve();
    return track(key.place, removeAll(attempt));
  }

  return {
    pending(place) {
      const atPlace = undos.get(place);
      return atPlace && Promise.all(atPlace).then(() => undefined);
    },
    isOpen: (key) => open.has(nameOf(key)),
    run(key, run) {
      const attempt: Attempt<Thing> = open.get(nameOf(key)) ?? {
        key,
        flying: new Set(),
        strays: [],
        delivered: undefined,
        doubt: 0,
        over: undefined,
        discover: run.discover,
      };
      open.set(nameOf(key), attempt);
      attempt.delivered ??= run.renewed;
      attempt.discover = run.discover;
      const { settled, delivered, abort, adopted } = run.start();
      const flight = { number: ++exchanges, abort, settled };
      attempt.flying.add(flight);
      const concluded = conclude(attempt, flight, run);
      void settled.then((result) => concluded(adopted(), result));
      return delivered;
    },
    giveUp,
    finish(key) {
      const attempt = end(key, 'finished');
      return attempt === undefined || attempt.flying.size === 0 ? undefined : allSettled(attempt);
    },
    async giveUpAll() {
      for (const { key } of open.values()) void giveUp(key);
      await Promise.all(Array.from(undos.values(), (atPlace) => Promise.all(atPlace)));
    },
  };
}
