import { ClusterError, type DecodedEntry, type MemberList, type Registration } from '@autocluster/core/backend';
import { isTrouble } from './errors.js';
import type { Exchange } from './exchange.js';
import { only, shownKey } from './keys.js';
import { leaseRef, type Store, storedRecord } from './registration.js';
import type { KeyRange, KeyValue, TransactionReply } from './transport.js';

const PAGE = 512;
/** For stores with values so large that a page of the usual size is more than one message may hold. */
const SMALL_PAGE = 16;

type Skipped = MemberList['skipped'][number];

interface Read {
  readonly stored: KeyValue;
  readonly read: Registration | Skipped;
}

/** Entries by key, as they were read for the last list: one that did not change is not decoded again. */
export type EntryCache = Map<string, Read>;

function asMember(decoded: DecodedEntry, node: string | undefined, stored: KeyValue): Registration | Skipped {
  const skipped = (reason: string): Skipped => ({ key: shownKey(stored.key), reason });
  if (node === undefined) return skipped('the key is not that of a node');
  if (decoded.kind === 'unreadable') return skipped(decoded.reason);
  if (decoded.entry.node !== node) return skipped('the entry is about another node than its key');
  if (stored.lease === 0n) return skipped('nothing keeps the entry alive: it has no lease');
  return { ...decoded.entry, order: stored.createRevision, ref: leaseRef(stored.lease), ttlMs: undefined };
}

/** The value counts as well: a store that was restored from a backup gives the same revisions to other values. */
const unchanged = (a: KeyValue, b: KeyValue): boolean =>
  a.modRevision === b.modRevision &&
  a.createRevision === b.createRevision &&
  a.lease === b.lease &&
  a.value.equals(b.value);

function readEntries({ layout }: Store, entries: readonly KeyValue[], cache: EntryCache): readonly Read['read'][] {
  const current = entries.map((stored): readonly [string, Read] => {
    const key = stored.key.toString('hex');
    const known = cache.get(key);
    if (known && unchanged(known.stored, stored)) return [key, known];
    return [key, { stored, read: asMember(layout.decode(stored), layout.nodeOf(stored.key), stored) }];
  });
  cache.clear();
  for (const [key, each] of current) cache.set(key, each);
  return current.map(([, { read }]) => read);
}

const after = (key: Buffer): Buffer => Buffer.concat([key, Buffer.of(0)]);

async function readAll(
  store: Store,
  exchange: Exchange,
  limit: number,
): Promise<[TransactionReply, readonly KeyValue[]]> {
  const { client, layout } = store;
  const subject = `${shownKey(layout.members.key)}* and ${shownKey(layout.record)}`;
  const first = await client.transact(exchange, subject, {
    when: [],
    act: [
      { kind: 'get', range: layout.members, limit },
      { kind: 'get', range: only(layout.record) },
    ],
  });
  const entries = [...(first.pages[0]?.entries ?? [])];
  let more = first.pages[0]?.more ?? false;
  for (let last = entries.at(-1); more && last !== undefined; last = entries.at(-1)) {
    const range: KeyRange = { ...layout.members, key: after(last.key) };
    // Every page shows the moment of the first one.
    const next = await client.transact(exchange, subject, {
      when: [],
      act: [{ kind: 'get', range, limit, revision: first.revision }],
    });
    if (next.store !== first.store) {
      const text = `store ${next.store} answered for the rest of a list that ${first.store} had begun`;
      throw new ClusterError('STORE_FAILED', text, { operation: exchange.operation });
    }
    entries.push(...(next.pages[0]?.entries ?? []));
    more = next.pages[0]?.more ?? false;
  }
  return [first, entries];
}

/** Members and record at one revision of the store. */
export async function list(store: Store, exchange: Exchange, cache: EntryCache): Promise<MemberList> {
  const [first, entries] = await readAll(store, exchange, PAGE).catch((error: unknown) => {
    if (!(error instanceof Error) || !isTrouble(error.cause, 'too-large')) throw error;
    return readAll(store, exchange, SMALL_PAGE);
  });
  const read = readEntries(store, entries, cache);
  return {
    members: read.filter((each) => 'node' in each),
    record: storedRecord(first.pages[1]?.entries[0]),
    complete: true,
    skipped: read.filter((each) => 'reason' in each),
    revision: first.revision,
    store: first.store,
  };
}
