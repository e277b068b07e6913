import {
  ClusterError,
  decodeEntry,
  decodeRecord,
  encodeEntry,
  type Entry,
  type RegisterRequest,
  type StoredRecord,
} from '@autocluster/core/backend';
import { type KeyValue, textOf } from './answers.js';
import { afterWrite } from './errors.js';
import { bothOf, type Exchange } from './exchange.js';
import { shownKey } from './keys.js';
import { grantedMs, type Store } from './store.js';
import type { TransactionReply } from './transaction.js';

/** How often an entry may change between our read and our write before we give up. */
const ROUNDS = 3;

export interface Session {
  readonly id: string;
  readonly ttlMs: number;
}

export interface Observed {
  readonly stored: KeyValue | undefined;
  readonly record: StoredRecord;
  readonly isMarked: boolean;
}

/** The entry as it is in the store, under a session that keeps it alive. */
interface Claimed {
  readonly kind: 'claimed';
  readonly session: Session;
  readonly order: bigint;
  readonly seen: Observed;
}

export type Claim = Claimed | { readonly kind: 'conflict'; readonly instance: string | undefined };

export function storedRecord(stored: KeyValue | undefined): StoredRecord {
  if (stored === undefined) return { kind: 'absent' };
  const text = textOf(stored.value);
  return text === undefined ? { kind: 'unreadable', reason: 'not UTF-8' } : decodeRecord(text);
}

const subjectOf = ({ layout }: Store, node: string): string =>
  `${shownKey(layout.memberKey(node))} and ${shownKey(layout.record)}`;

const readOwn = ({ layout }: Store, node: string) =>
  [layout.memberKey(node), layout.record, layout.marker].map((key) => ({ verb: 'get', key }) as const);

function observedIn({ layout }: Store, node: string, reply: Extract<TransactionReply, { kind: 'done' }>): Observed {
  return {
    stored: reply.entry(layout.memberKey(node)),
    record: storedRecord(reply.entry(layout.record)),
    isMarked: reply.entry(layout.marker) !== undefined,
  };
}

async function observe(store: Store, exchange: Exchange, node: string): Promise<Observed> {
  const reply = await store.transact(exchange, subjectOf(store, node), readOwn(store, node));
  if (reply.kind === 'done') return observedIn(store, node, reply);
  throw new ClusterError('STORE_FAILED', `a read was refused: ${reply.reason}`, { operation: exchange.operation });
}

/** Whose entry it is: ours, that of another live instance, or one that may be replaced. */
function holderOf(
  stored: KeyValue | undefined,
  instance: string,
  session: string,
): 'ours' | 'nobody' | { instance: string | undefined } {
  // Entries are kept alive by sessions. One without was put there by hand, and nobody renews it.
  if (stored?.session === undefined) return 'nobody';
  // Who writes into a key by hand changes the text, not the holder.
  if (stored.session === session) return 'ours';
  const decoded = decodeEntry(textOf(stored.value) ?? '');
  const holder = decoded.kind === 'entry' ? decoded.entry.instance : undefined;
  return holder === instance ? 'ours' : { instance: holder };
}

export function entryOf(request: RegisterRequest, ttlMs: number): Entry {
  const { node, instance, state, identity, recordVersion, metadata } = request;
  return { node, instance, state, identity, recordVersion, metadata, ttlMs };
}

/** Writes the entry under the session, which takes the key when nobody holds it; undefined when it did not get it. */
async function write(
  store: Store,
  exchange: Exchange,
  request: RegisterRequest,
  session: Session,
): Promise<Claimed | undefined> {
  const { node } = request;
  const key = store.layout.memberKey(node);
  const value = encodeEntry(entryOf(request, session.ttlMs));
  const reply = await store.transact(exchange, subjectOf(store, node), [
    { verb: 'lock', key, value, session: session.id },
    ...readOwn(store, node).slice(1),
  ]);
  if (reply.kind === 'refused') return undefined;
  const seen = observedIn(store, node, reply);
  return { kind: 'claimed', session, order: seen.stored?.createIndex ?? 0n, seen };
}

/** Makes the entry what it should be, under a session of ours or under the one that it has already. */
async function settle(
  store: Store,
  exchange: Exchange,
  request: RegisterRequest,
  session: Session,
  first: Observed,
): Promise<Claim> {
  let seen = first;
  for (let round = 0; round < ROUNDS; round += 1) {
    const { stored } = seen;
    const holder = holderOf(stored, request.instance, session.id);
    if (typeof holder === 'object') return { kind: 'conflict', instance: holder.instance };
    const attempt = holder === 'ours' ? adopt : write;
    const claimed = await attempt(store, exchange, request, session, seen);
    if (claimed !== undefined) return claimed;
    seen = await observe(store, exchange, request.node);
  }
  throw new ClusterError('STORE_FAILED', `the entry of ${request.node} changes faster than it can be written`, {
    operation: exchange.operation,
  });
}

/**
 * Our own entry, perhaps under another session: that one is kept unless its TTL, which cannot be changed, is too short.
 * undefined when it has just ended.
 */
async function adopt(
  store: Store,
  exchange: Exchange,
  request: RegisterRequest,
  session: Session,
  seen: Observed,
): Promise<Claimed | undefined> {
  const { stored } = seen;
  if (stored?.session === undefined) return undefined;
  const isOther = stored.session !== session.id;
  const ttlMs = isOther ? await store.renewSession(exchange, stored.session) : session.ttlMs;
  if (ttlMs === 0) return undefined;
  const kept = { id: stored.session, ttlMs };
  if (isOther && ttlMs < session.ttlMs) return move(store, exchange, request, kept, session);
  const isSame = textOf(stored.value) === encodeEntry(entryOf(request, ttlMs));
  if (isSame) return { kind: 'claimed', session: kept, order: stored.createIndex, seen };
  return write(store, exchange, request, kept);
}

/** Passes our entry from one session of ours to another, so that nobody sees it gone or gets it in between. */
async function move(
  store: Store,
  exchange: Exchange,
  request: RegisterRequest,
  from: Session,
  to: Session,
): Promise<Claimed | undefined> {
  const { node } = request;
  const key = store.layout.memberKey(node);
  const value = encodeEntry(entryOf(request, to.ttlMs));
  const reply = await store.transact(exchange, subjectOf(store, node), [
    { verb: 'unlock', key, value, session: from.id },
    { verb: 'lock', key, value, session: to.id },
    ...readOwn(store, node).slice(1),
  ]);
  if (reply.kind === 'refused') return undefined;
  await store.discardSession(exchange, from.id);
  const seen = observedIn(store, node, reply);
  return { kind: 'claimed', session: to, order: seen.stored?.createIndex ?? 0n, seen };
}

export async function claimAnew(store: Store, exchange: Exchange, request: RegisterRequest): Promise<Claim> {
  const { ttlMs } = request;
  const asked = {
    name: shownKey(store.layout.memberKey(request.node)),
    ttlMs,
    lockDelayMs: 0,
    behavior: 'delete',
  } as const;
  const session = { id: await store.createSession(exchange, asked), ttlMs: grantedMs(ttlMs) };
  try {
    const claim =
      (await write(store, exchange, request, session)) ??
      (await settle(store, exchange, request, session, await observe(store, exchange, request.node)));
    const isUsed = claim.kind === 'claimed' && claim.session.id === session.id;
    if (!isUsed) await store.discardSession(exchange, session.id);
    return claim;
  } catch (error) {
    // When the entry may have been written it stays, for a repeat to find or for its session to end.
    const applied = !(error instanceof ClusterError) || error.outcomeUnknown;
    if (!applied) void store.discardSession(exchange, session.id);
    throw error;
  }
}

/** One message to the session and one read, no write. */
export async function renewClaim(
  store: Store,
  exchange: Exchange,
  request: RegisterRequest,
  id: string,
): Promise<Claim> {
  const [ttlMs, seen] = await bothOf(store.renewSession(exchange, id), observe(store, exchange, request.node));
  if (ttlMs < grantedMs(request.ttlMs)) return claimAnew(store, exchange, request);
  const claim = await settle(store, exchange, request, { id, ttlMs }, seen);
  if (claim.kind === 'claimed' && claim.session.id === id) return claim;
  await store.discardSession(exchange, id);
  return claim;
}

/** Ends what keeps the entry of this instance alive, under whatever session it is. */
export async function disclaim(
  store: Store,
  exchange: Exchange,
  { node, instance, ref }: { readonly node: string; readonly instance: string; readonly ref: string },
): Promise<void> {
  await store.destroySession(exchange, ref);
  try {
    const { stored } = await observe(store, exchange, node);
    if (stored?.session !== undefined && holderOf(stored, instance, ref) === 'ours') {
      await store.destroySession(exchange, stored.session);
    }
  } catch (error) {
    throw afterWrite(error);
  }
}

/** Leaves the mark by which a list sees at no cost that the store is still the same: the first session that registered. */
export async function mark(store: Store, exchange: Exchange, { session, seen }: Claimed): Promise<void> {
  if (seen.isMarked) return;
  const { marker } = store.layout;
  // Refused when another was first.
  await store.transact(exchange, shownKey(marker), [{ verb: 'create', key: marker, value: session.id }]);
}
