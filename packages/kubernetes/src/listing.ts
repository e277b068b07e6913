import { decodeEntry, type MemberList, type Registration } from '@autocluster/core/backend';
import type { Exchange } from './exchange.js';
import { ANNOTATIONS } from './keys.js';
import { fieldsIn, type Lease, readLease, textIn } from './lease.js';
import { listAll } from './leases.js';
import { Watched } from './events.js';
import type { Members } from './members.js';
import { register, unregister } from './registration.js';
import { recordIn, type Store } from './store.js';
import { isLeaseNews, Marks } from './watch.js';

type Skipped = MemberList['skipped'][number];
type Read = Lease | Skipped;

const shownName = (value: unknown): string => {
  const name = textIn(fieldsIn(fieldsIn(value)['metadata'])['name']);
  return JSON.stringify(name.slice(0, 300)).slice(1, -1);
};

function read(value: unknown): Read {
  try {
    return readLease(value);
  } catch {
    return { key: shownName(value), reason: 'not a Lease' };
  }
}

function asMember({ keys }: Store, lease: Lease): Registration | Skipped {
  const skipped = (reason: string): Skipped => ({ key: lease.name, reason });
  const text = lease.annotations[ANNOTATIONS.entry];
  if (text === undefined) return skipped(`it has no annotation ${ANNOTATIONS.entry}`);
  const decoded = decodeEntry(text);
  if (decoded.kind === 'unreadable') return skipped(decoded.reason);
  const { entry } = decoded;
  if (lease.annotations[ANNOTATIONS.cluster] !== keys.cluster) return skipped('it belongs to another cluster');
  if (keys.member(entry.node) !== lease.name) return skipped('the entry is about another node than its Lease');
  if (lease.holder !== entry.instance) return skipped('its holder is not the instance that made the entry');
  if (lease.durationMs === 0) return skipped('it does not say how long it lasts');
  return { ...entry, order: undefined, ref: lease.uid, ttlMs: undefined };
}

/**
 * Whether it was silent for its whole duration, while it could have been heard. Otherwise nobody would be listed after the
 * store was away: whoever lives needs a moment to renew then, and has it, since a gap starts the count again.
 */
function isDead({ members, contact }: Store, lease: Lease, askedAtMs: number): boolean {
  const { durationMs } = lease;
  const silentMs = Math.min(members.unchangedMs(lease, askedAtMs), contact.withoutGapMs(durationMs / 2, askedAtMs));
  return durationMs > 0 && silentMs >= durationMs;
}

interface Snapshot {
  readonly list: MemberList;
  readonly leases: readonly Lease[];
}

/** Members and record of one moment. Whoever has been silent for too long before our eyes is not listed. */
async function snapshot(store: Store, exchange: Exchange): Promise<Snapshot> {
  const { client, keys, members } = store;
  const askedAtMs = exchange.clock.monotonicMs();
  const query = { labelSelector: keys.selector };
  const { items, resourceVersion } = await listAll(client, exchange, { verb: 'list', resource: 'leases', query });
  const nowMs = exchange.clock.monotonicMs();
  const all = items.map(read);
  const leases = all.filter((each): each is Lease => 'uid' in each);
  const formation = leases.find(({ name }) => name === keys.formation);
  const places = leases.filter(({ name }) => name !== keys.formation);
  for (const lease of places) members.see(lease, nowMs);
  members.keepOnly(new Set(places.map(({ name }) => name)));
  const entries = places.filter((lease) => !isDead(store, lease, askedAtMs)).map((lease) => asMember(store, lease));
  const list = {
    members: entries.filter((each) => 'node' in each),
    record: recordIn(formation),
    complete: true,
    skipped: [...all.filter((each) => 'reason' in each), ...entries.filter((each) => 'reason' in each)],
    revision: resourceVersion,
    store: await store.identity(exchange, formation),
  };
  return { list, leases };
}

/** Members that keep a Lease each. */
export function explicitMembers(store: Store): Members {
  const { keys } = store;
  const marks = new Marks(keys);
  let from: string | undefined;
  return {
    register: (exchange, request) => register(store, exchange, request),
    unregister: (exchange, registration) => unregister(store, exchange, registration),
    async list(exchange) {
      const { list, leases } = await snapshot(store, exchange);
      marks.replace(leases);
      from = list.revision?.toString();
      return list;
    },
    async follow(exchange, ring) {
      // Without a list before it, everything may be news.
      if (from === undefined) ring();
      const watched = new Watched({ resource: 'leases', query: { labelSelector: keys.selector } }, from);
      await watched.follow(store, exchange, (event) => {
        if (isLeaseNews(store, marks, exchange, event)) ring();
      });
    },
  };
}
