import { decodeEntry, type MemberList, type Registration } from '@autocluster/core/backend';
import { type KeyValue, textOf } from './answers.js';
import { storedRecord } from './claim.js';
import type { Exchange } from './exchange.js';
import { type Layout, shownKey } from './keys.js';
import type { Store } from './store.js';

type Skipped = MemberList['skipped'][number];

interface Read {
  readonly stored: KeyValue;
  readonly read: Registration | Skipped;
}

/** Entries by key: one that did not change is not decoded again. */
type EntryCache = Map<string, Read>;

function asMember(layout: Layout, stored: KeyValue): Registration | Skipped {
  const skipped = (reason: string): Skipped => ({ key: shownKey(stored.key), reason });
  const node = layout.nodeOf(stored.key);
  if (node === undefined) return skipped('the key is not that of a node');
  const text = textOf(stored.value);
  if (text === undefined) return skipped('not UTF-8');
  const decoded = decodeEntry(text);
  if (decoded.kind === 'unreadable') return skipped(decoded.reason);
  if (decoded.entry.node !== node) return skipped('the entry is about another node than its key');
  if (stored.session === undefined) return skipped('nothing keeps the entry alive: it has no session');
  return { ...decoded.entry, order: stored.createIndex, ref: stored.session, ttlMs: undefined };
}

/** The value counts as well: a store that was restored from a backup gives the same index to other values. */
const unchanged = (a: KeyValue, b: KeyValue): boolean =>
  a.modifyIndex === b.modifyIndex &&
  a.createIndex === b.createIndex &&
  a.session === b.session &&
  a.value.equals(b.value);

function readEntries(layout: Layout, entries: readonly KeyValue[], cache: EntryCache): readonly Read['read'][] {
  const current = entries.map((stored): Read => {
    const known = cache.get(stored.key);
    return known && unchanged(known.stored, stored) ? known : { stored, read: asMember(layout, stored) };
  });
  cache.clear();
  for (const each of current) cache.set(each.stored.key, each);
  return current.map(({ read }) => read);
}

/** What was read for the last list. */
export class ListMemory {
  readonly entries: EntryCache = new Map();
  marker: string | undefined;
  store: string | undefined;
  /** From which a watch misses nothing that the last list did not show. */
  index: bigint | undefined;
}

/** Asked for anew only where the marker does not prove that nothing has changed. */
async function identify(
  store: Store,
  exchange: Exchange,
  stored: KeyValue | undefined,
  memory: ListMemory,
): Promise<void> {
  const marker = stored && textOf(stored.value);
  if (marker !== undefined && memory.marker === marker) return;
  memory.store = (await store.identity(exchange)) ?? marker;
  memory.marker = marker;
}

/** Asks for members that others registered in a way of their own. */
export type ListForeign = (exchange: Exchange) => Promise<readonly (Registration | Skipped)[]>;

/** Members and record of one moment, and after it the index of the whole store, which no deletion lowers. */
export async function list(
  store: Store,
  exchange: Exchange,
  memory: ListMemory,
  listForeign: ListForeign,
): Promise<MemberList> {
  const { layout } = store;
  const { entries, index } = await store.tree(exchange, layout.state);
  const at = (key: string): KeyValue | undefined => entries.find((each) => each.key === key);
  const [revision, foreign] = await Promise.all([
    store.revision(exchange),
    listForeign(exchange),
    identify(store, exchange, at(layout.marker), memory),
  ]);
  memory.index = index;
  const members = entries.filter(({ key }) => layout.isMember(key));
  const read = [...readEntries(layout, members, memory.entries), ...foreign];
  return {
    members: read.filter((each) => 'node' in each),
    record: storedRecord(at(layout.record)),
    complete: true,
    skipped: read.filter((each) => 'reason' in each),
    revision,
    store: memory.store,
  };
}
