import { CallFailure, isGone, troubleOfStatus } from './errors.js';
import type { Exchange } from './exchange.js';
import { countIn, type Fields, fieldsIn, isFields, textIn } from './lease.js';
import type { Question } from './resources.js';
import type { Store } from './store.js';

/** The server ends a watch after so many seconds, so that one which nobody serves any more does not last. */
const LASTS_SECONDS = 300;

export interface WatchEvent {
  readonly kind: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: Fields;
}

const KINDS: readonly WatchEvent['kind'][] = ['ADDED', 'MODIFIED', 'DELETED'];

function eventOf(line: string): { readonly type: string; readonly object: Fields } {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new CallFailure('failed', `the watch says ${JSON.stringify(line.slice(0, 100))}`);
  }
  const { type, object } = fieldsIn(value);
  if (!isFields(object)) throw new CallFailure('failed', 'the watch says something that is no event');
  return { type: textIn(type), object };
}

const versionOf = (object: Fields): string => textIn(fieldsIn(object['metadata'])['resourceVersion']);

/** What is watched, and up to where it was seen. */
export class Watched {
  readonly #question: Omit<Question, 'verb'>;
  #from: string | undefined;

  /** `from`: the version after which changes count; without it what is there now is reported first. */
  constructor(question: Omit<Question, 'verb'>, from: string | undefined) {
    this.#question = question;
    this.#from = from;
  }

  /** Resolves when the server ends the watch, rejects at any break; afterwards it can go on from where it was. */
  async follow({ client }: Store, exchange: Exchange, seen: (event: WatchEvent) => void): Promise<void> {
    const query = {
      ...this.#question.query,
      allowWatchBookmarks: 'true',
      timeoutSeconds: String(LASTS_SECONDS),
      ...(this.#from === undefined ? {} : { resourceVersion: this.#from }),
    };
    await client.follow(exchange, { ...this.#question, verb: 'watch', query }, (line) => {
      const { type, object } = eventOf(line);
      if (type === 'ERROR') this.#fail(object);
      this.#from = versionOf(object) || this.#from;
      const kind = KINDS.find((each) => each === type);
      if (kind !== undefined) seen({ kind, object });
    });
  }

  #fail(status: Fields): never {
    throw new CallFailure(troubleOfStatus(countIn(status['code']), ''), textIn(status['message']));
  }
}

interface WatchedLease {
  readonly name: string;
  /** The version after which changes count. */
  readonly from: string | undefined;
}

/**
 * Watches one Lease. It may be unchanged for longer than the server remembers: then the watch goes on from what is there now,
 * which it reports first.
 */
export async function followLease(
  store: Store,
  exchange: Exchange,
  { name, from }: WatchedLease,
  seen: (event: WatchEvent) => void,
): Promise<void> {
  const question = { resource: 'leases', query: { fieldSelector: `metadata.name=${name}` } } as const;
  try {
    await new Watched(question, from).follow(store, exchange, seen);
  } catch (error) {
    if (!isGone(error)) throw error;
    await new Watched(question, undefined).follow(store, exchange, seen);
  }
}
