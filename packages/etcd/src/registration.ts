import {
  ClusterError,
  decodeRecord,
  type Entry,
  type RegisterOutcome,
  type RegisterRequest,
  type Registration,
  type StoredRecord,
} from '@autocluster/core/backend';
import type { EtcdClient } from './client.js';
import { withUnknownOutcome } from './errors.js';
import type { Exchange } from './exchange.js';
import { type Layout, only, shownKey, textOf } from './keys.js';
import type { KeyValue, Step, TransactionReply } from './transport.js';

/** How often an entry may change between our read and our write before we give up. */
const ROUNDS = 3;

export interface Store {
  readonly client: EtcdClient;
  readonly layout: Layout;
}

interface HeldLease {
  readonly id: bigint;
  readonly ttlMs: number;
}

interface Observed {
  readonly stored: KeyValue | undefined;
  readonly record: StoredRecord;
}

export const leaseRef = (id: bigint): string => id.toString(16);
export const leaseOf = (ref: string): bigint => BigInt(`0x${ref}`);

export function storedRecord(stored: KeyValue | undefined): StoredRecord {
  if (stored === undefined) return { kind: 'absent' };
  const text = textOf(stored.value);
  return text === undefined ? { kind: 'unreadable', reason: 'not UTF-8' } : decodeRecord(text);
}

const readOwn = ({ layout }: Store, node: string): readonly Step[] => [
  { kind: 'get', range: only(layout.memberKey(node)) },
  { kind: 'get', range: only(layout.record) },
];

const observedIn = ({ pages }: TransactionReply): Observed => ({
  stored: pages.at(-2)?.entries[0],
  record: storedRecord(pages.at(-1)?.entries[0]),
});

const subjectOf = ({ layout }: Store, node: string): string =>
  `${shownKey(layout.memberKey(node))} and ${shownKey(layout.record)}`;

async function observe(store: Store, exchange: Exchange, node: string): Promise<Observed> {
  const read = { when: [], act: readOwn(store, node) };
  return observedIn(await store.client.transact(exchange, subjectOf(store, node), read));
}

/** Whose entry it is: ours, that of another live instance, or one that may be replaced. */
function holderOf(
  { layout }: Store,
  stored: KeyValue,
  instance: string,
  lease: bigint,
): 'ours' | 'nobody' | { instance?: string } {
  // Who writes into a key by hand changes the text, not the holder.
  if (stored.lease === lease) return 'ours';
  const decoded = layout.decode(stored);
  if (decoded.kind === 'entry' && decoded.entry.instance === instance) return 'ours';
  // Entries are kept alive by leases. One without was put there by hand, and nobody renews it.
  if (stored.lease === 0n) return 'nobody';
  return decoded.kind === 'entry' ? { instance: decoded.entry.instance } : {};
}

function entryOf(request: RegisterRequest, ttlMs: number): Entry {
  const { node, instance, state, identity, recordVersion, metadata } = request;
  return { node, instance, state, identity, recordVersion, metadata, ttlMs };
}

/** Writes the entry unless it is as it should be, under the condition that it is still as it was seen. */
async function settle(
  store: Store,
  exchange: Exchange,
  request: RegisterRequest,
  lease: HeldLease,
  first: Observed,
): Promise<RegisterOutcome> {
  const { client, layout } = store;
  const { node, instance } = request;
  const key = layout.memberKey(node);
  const entry = entryOf(request, lease.ttlMs);
  const value = layout.encode(entry, lease.id);
  const registered = (order: bigint, record: StoredRecord): RegisterOutcome => ({
    kind: 'registered',
    registration: { ...entry, order, ref: leaseRef(lease.id), ttlMs: lease.ttlMs },
    record,
  });
  let { stored, record } = first;
  for (let round = 0; round < ROUNDS; round += 1) {
    const holder = stored && holderOf(store, stored, instance, lease.id);
    if (typeof holder === 'object') return { kind: 'conflict', instance: holder.instance };
    const asItShouldBe = stored?.lease === lease.id && textOf(stored.value) === value;
    if (stored && asItShouldBe) return registered(stored.createRevision, record);
    const reply = await client.transact(exchange, subjectOf(store, node), {
      when: [{ range: only(key), target: 'mod', equals: stored?.modRevision ?? 0n }],
      act: [{ kind: 'put', key, value, lease: lease.id }, ...readOwn(store, node)],
      otherwise: readOwn(store, node),
    });
    const seen = observedIn(reply);
    if (reply.succeeded) {
      if (stored && holder === 'ours') await discardOther(store, exchange, stored.lease, lease.id);
      return registered(seen.stored?.createRevision ?? reply.revision, seen.record);
    }
    ({ stored, record } = seen);
  }
  throw new ClusterError('STORE_FAILED', `the entry of ${node} changes faster than it can be written`, {
    operation: exchange.operation,
  });
}

/** After an own entry moved to a new lease, nothing hangs on the old one. */
async function discardOther(store: Store, exchange: Exchange, old: bigint, current: bigint): Promise<void> {
  if (old !== 0n && old !== current) await store.client.discardLease(exchange, old);
}

async function registerAnew(store: Store, exchange: Exchange, request: RegisterRequest): Promise<RegisterOutcome> {
  const { client } = store;
  const granted = await client.grantLease(exchange, request.ttlMs);
  const lease = { id: granted.id, ttlMs: granted.ttlSeconds * 1000 };
  const nothing: Observed = { stored: undefined, record: { kind: 'absent' } };
  try {
    const outcome = await settle(store, exchange, request, lease, nothing);
    if (outcome.kind === 'conflict') await client.discardLease(exchange, lease.id);
    return outcome;
  } catch (error) {
    // When the entry may have been written it stays, for a repeat to find or for its lease to end.
    const applied = !(error instanceof ClusterError) || error.outcomeUnknown;
    if (!applied) void client.discardLease(exchange, lease.id);
    throw error;
  }
}

/** A lease's extension and what is read beside it. A failed read says nothing about the extension, which counts. */
export async function extendedAndSeen<T>(extending: Promise<number>, reading: Promise<T>): Promise<[number, T]> {
  const [extended, seen] = await Promise.allSettled([extending, reading]);
  if (extended.status === 'rejected') throw extended.reason;
  if (seen.status === 'rejected') throw withUnknownOutcome(seen.reason);
  return [extended.value, seen.value];
}

/** Makes an entry, or renews the one of `request.held`: an extension of its lease and one read, no write. */
export async function register(store: Store, exchange: Exchange, request: RegisterRequest): Promise<RegisterOutcome> {
  const { held, node } = request;
  if (held === undefined) return registerAnew(store, exchange, request);
  const id = leaseOf(held.ref);
  const [ttlSeconds, seen] = await extendedAndSeen(
    store.client.extendLease(exchange, id),
    observe(store, exchange, node),
  );
  if (ttlSeconds === 0) return registerAnew(store, exchange, request);
  return settle(store, exchange, request, { id, ttlMs: ttlSeconds * 1000 }, seen);
}

/** A failure of a later request of an exchange: an earlier one has changed the store already. */
async function afterWrite<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw withUnknownOutcome(error);
  }
}

/** Ends the registration's lease, and with it its key; then looks for an entry of the same instance under another one. */
export async function unregister(store: Store, exchange: Exchange, registration: Registration): Promise<void> {
  const { client, layout } = store;
  const { node, instance } = registration;
  const key = layout.memberKey(node);
  const lease = leaseOf(registration.ref);
  await client.revokeLease(exchange, lease);
  const { stored } = await afterWrite(observe(store, exchange, node));
  if (stored === undefined || holderOf(store, stored, instance, lease) !== 'ours') return;
  const removing = client.transact(exchange, subjectOf(store, node), {
    when: [{ range: only(key), target: 'mod', equals: stored.modRevision }],
    act: [{ kind: 'delete', key }],
  });
  const reply = await afterWrite(removing);
  if (reply.succeeded && stored.lease !== 0n) await client.discardLease(exchange, stored.lease);
}
