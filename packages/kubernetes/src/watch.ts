import type { CallOptions } from '@autocluster/core/backend';
import { Bell } from './bell.js';
import { followLease, type WatchEvent } from './events.js';
import type { Exchange } from './exchange.js';
import { ANNOTATIONS } from './keys.js';
import { type Lease, readLease } from './lease.js';
import type { Released } from './lock.js';
import type { Store } from './store.js';

/** Opens in this time, and then lasts. */
interface Opening {
  readonly store: Store;
  readonly options: CallOptions;
}

type End = 'ended' | { readonly error: unknown };

async function settle(work: Promise<unknown>, report: (end: End) => void): Promise<void> {
  try {
    await work;
    report('ended');
  } catch (error) {
    report({ error });
  }
}

/** Follows something until it breaks, and rings whenever that means a change. */
export type Follow = (exchange: Exchange, ring: () => void) => Promise<unknown>;

/** Says `changed` once for all changes since it was last asked, until the watch breaks or nobody listens. */
export async function* watch({ store, options }: Opening, follow: Follow): AsyncGenerator<'changed', void, undefined> {
  const bell = new Bell();
  let state: 'open' | End = 'open';
  let stop: () => void = () => undefined;
  const following = store.client.exchange('watch', options, (exchange) => {
    stop = () => exchange.abort(undefined);
    return follow(exchange, () => bell.ring());
  });
  const settled = settle(following, (end) => {
    state = end;
    bell.ring();
  });
  const ongoing = (): boolean => {
    if (typeof state === 'object' && !options.signal.aborted) throw state.error;
    return state === 'open' && !options.signal.aborted;
  };
  try {
    for (;;) {
      await bell.heard();
      if (!ongoing()) return;
      yield 'changed';
      if (!ongoing()) return;
    }
  } finally {
    stop();
    await settled;
  }
}

/** What others look at in a Lease. A renewal changes nothing of it. */
function markOf({ holder, annotations }: Lease, isRecord: boolean): string {
  return isRecord ? (annotations[ANNOTATIONS.record] ?? '') : JSON.stringify([holder, annotations[ANNOTATIONS.entry]]);
}

/** Marks of the Leases of one cluster, by which a change that means something is told from a renewal. */
export class Marks {
  readonly #keys: Store['keys'];
  readonly #marks = new Map<string, string>();

  constructor(keys: Store['keys']) {
    this.#keys = keys;
  }

  /** Whether this state of the Lease is news. */
  isNews(lease: Lease): boolean {
    const isRecord = lease.name === this.#keys.formation;
    const mark = markOf(lease, isRecord);
    // No Lease says the same as one without a record.
    if ((this.#marks.get(lease.name) ?? (isRecord ? '' : undefined)) === mark) return false;
    this.#marks.set(lease.name, mark);
    return true;
  }

  /** As a list has told them. */
  replace(leases: readonly Lease[]): void {
    this.#marks.clear();
    for (const lease of leases) this.isNews(lease);
  }

  /** Whether that Lease was there. */
  remove(name: string): boolean {
    return this.#marks.delete(name);
  }
}

/** Whether an event of a Lease means something; also tells the sightings, since a renewal that is seen is a sign of life. */
export function isLeaseNews(store: Store, marks: Marks, exchange: Exchange, { kind, object }: WatchEvent): boolean {
  const lease = readLease(object);
  store.contact.answered(exchange.clock.monotonicMs());
  if (kind === 'DELETED') return marks.remove(lease.name);
  if (lease.name !== store.keys.formation) store.members.see(lease, exchange.clock.monotonicMs());
  return marks.isNews(lease);
}

/** Watches the lock, once it is asked for; settles when that is free, and when the watch ends for any reason. */
export const releasedIn =
  ({ store, options }: Opening): Released =>
  ({ name, resourceVersion }) =>
  async (signal) => {
    await store.client
      .exchange('lock', { ...options, signal }, (exchange) =>
        followLease(store, exchange, { name, from: resourceVersion }, ({ kind, object }) => {
          const lease = readLease(object);
          if (kind !== 'DELETED') store.locks.see(store.note(lease), exchange.clock.monotonicMs());
          if (kind === 'DELETED' || lease.holder === '') exchange.abort(undefined);
        }),
      )
      .catch(() => undefined);
  };
