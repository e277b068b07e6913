import { ClusterError } from '../errors/index.js';
import { orLate, type Runtime } from '../runtime/index.js';
import type { Exchange, Settled } from './exchange.js';
import { UndoQueue } from './undo-queue.js';

/** What one attempt is called: its place (a lock or a node name) and its own id. */
export interface AttemptKey {
  readonly place: string;
  readonly id: string;
}

/** How the things that an attempt can get (grants, registrations) are compared and removed. */
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
  /** The same exchange once more, to find out what an attempt has that ended in doubt. */
  readonly repeat: () => Exchange<Answer>;
  /** What was delivered before, and is renewed by this. */
  readonly renewed: Thing | undefined;
}

interface Flight {
  readonly number: number;
  readonly abort: (reason: unknown) => void;
  readonly settled: Promise<unknown>;
}

interface Attempt<Thing> {
  readonly key: AttemptKey;
  readonly flying: Set<Flight>;
  /** Answers that came too late for their caller while the attempt went on. */
  readonly strays: Thing[];
  /** Undos of answers that came after the end. */
  readonly undoing: Promise<void>[];
  delivered: Thing | undefined;
  /** Number of the last exchange that ended with unknown outcome; 0 when there is no doubt. */
  doubt: number;
  over: 'given-up' | 'finished' | undefined;
  discover: () => Promise<void>;
}

const nameOf = ({ place, id }: AttemptKey): string => `${place}/${id}`;
const settled = ({ flying }: { readonly flying: ReadonlySet<Flight> }): Promise<unknown> =>
  Promise.all(Array.from(flying, (flight) => flight.settled));

/**
 * Keeps account of attempts whose answers may come too late. An undo belongs to an attempt, never to one exchange: a
 * repeat may adopt what a lost answer had made, and what was delivered is never undone behind its owner's back.
 */
export class Attempts<Thing> {
  readonly #kind: AttemptKind<Thing>;
  readonly #open = new Map<string, Attempt<Thing>>();
  readonly #undos = new UndoQueue();
  #exchanges = 0;

  constructor(kind: AttemptKind<Thing>) {
    this.#kind = kind;
  }

  /** The undo that this attempt must wait for, if it is a new one. */
  pending(key: AttemptKey): Promise<unknown> | undefined {
    return this.#open.has(nameOf(key)) ? undefined : this.#undos.pending(key.place);
  }

  run<Answer>(key: AttemptKey, run: AttemptRun<Answer, Thing>): Promise<Answer> {
    const attempt = this.#open.get(nameOf(key)) ?? this.#begin(key);
    attempt.delivered ??= run.renewed;
    attempt.discover = () => this.#discover(attempt, run);
    return this.#fly(attempt, run.start(), run.thingOf);
  }

  /** The attempt is over and was never delivered: removes whatever it got or still gets. */
  giveUp(key: AttemptKey): Promise<void> {
    const attempt = this.#end(key, 'given-up');
    if (attempt === undefined || attempt.delivered !== undefined) return Promise.resolve();
    if (attempt.flying.size + attempt.strays.length + attempt.doubt === 0) return Promise.resolve();
    return this.#undos.add(key.place, this.#removeAll(attempt));
  }

  /**
   * The attempt is over after delivery. Ends its exchanges, and answers when they have settled; undefined when none was
   * running. What comes later is removed.
   */
  finish(key: AttemptKey): Promise<unknown> | undefined {
    const attempt = this.#end(key, 'finished');
    return attempt === undefined || attempt.flying.size === 0 ? undefined : settled(attempt);
  }

  giveUpAll(): Promise<unknown> {
    for (const { key } of this.#open.values()) void this.giveUp(key);
    return this.#undos.all();
  }

  #begin(key: AttemptKey): Attempt<Thing> {
    const discover = () => Promise.resolve();
    const nothing = { delivered: undefined, doubt: 0, over: undefined };
    const attempt: Attempt<Thing> = { key, flying: new Set(), strays: [], undoing: [], ...nothing, discover };
    this.#open.set(nameOf(key), attempt);
    return attempt;
  }

  #end(key: AttemptKey, over: 'given-up' | 'finished'): Attempt<Thing> | undefined {
    const attempt = this.#open.get(nameOf(key));
    if (attempt === undefined) return undefined;
    this.#open.delete(nameOf(key));
    attempt.over = over;
    for (const flight of attempt.flying) flight.abort(new ClusterError('ABORTED', 'the attempt is over'));
    return attempt;
  }

  #fly<Answer>(
    attempt: Attempt<Thing>,
    exchange: Exchange<Answer>,
    thingOf: (answer: Answer) => Thing | undefined,
  ): Promise<Answer> {
    this.#exchanges += 1;
    const flight: Flight = { number: this.#exchanges, abort: exchange.abort, settled: exchange.settled };
    attempt.flying.add(flight);
    const land = (result: Settled<Answer>): void => {
      attempt.flying.delete(flight);
      if (result.kind === 'answered') {
        this.#account(attempt, flight, exchange.adopted(), thingOf(result.answer));
      } else if (result.error.outcomeUnknown) {
        attempt.doubt = Math.max(attempt.doubt, flight.number);
      }
      this.#forgetIfIdle(attempt);
    };
    void exchange.settled.then(land);
    return exchange.delivered;
  }

  #account(attempt: Attempt<Thing>, flight: Flight, adopted: boolean, thing: Thing | undefined): void {
    if (thing === undefined) {
      if (flight.number > attempt.doubt) attempt.doubt = 0;
    } else if (adopted) {
      attempt.delivered = thing;
    } else if (this.#isUnwanted(attempt, thing)) {
      attempt.undoing.push(this.#undos.add(attempt.key.place, this.#kind.undo(thing)));
    } else if (attempt.over === undefined) {
      attempt.strays.push(thing);
    }
  }

  #isUnwanted(attempt: Attempt<Thing>, thing: Thing): boolean {
    // The same attempt may have begun again: then it is its own.
    if (attempt.over === undefined || this.#open.has(nameOf(attempt.key))) return false;
    if (attempt.delivered === undefined) return true;
    return attempt.over === 'finished' && !this.#kind.same(thing, attempt.delivered);
  }

  #forgetIfIdle(attempt: Attempt<Thing>): void {
    const inDoubt = attempt.delivered === undefined && attempt.strays.length + attempt.doubt > 0;
    if (attempt.over !== undefined || attempt.flying.size > 0 || inDoubt) return;
    this.#open.delete(nameOf(attempt.key));
  }

  async #removeAll(attempt: Attempt<Thing>): Promise<void> {
    const { runtime, settleMs, undo } = this.#kind;
    // Answers that come while we wait, or later, are removed as they come.
    await orLate(runtime, settled(attempt), settleMs);
    const known = [...attempt.undoing, ...attempt.strays.map(undo)];
    if (known.length > 0) await Promise.all(known);
    else if (attempt.doubt > 0) await attempt.discover();
  }

  async #discover<Answer>(attempt: Attempt<Thing>, run: AttemptRun<Answer, Thing>): Promise<void> {
    const again = run.repeat();
    const removeLate = (result: Settled<Answer>): void => {
      const thing = result.kind === 'answered' && !again.adopted() ? run.thingOf(result.answer) : undefined;
      if (thing !== undefined && this.#isUnwanted(attempt, thing)) {
        void this.#undos.add(attempt.key.place, this.#kind.undo(thing));
      }
    };
    void again.settled.then(removeLate);
    const found = run.thingOf(await again.delivered);
    if (found !== undefined) await this.#kind.undo(found);
  }
}
