import {
  ClusterError,
  type ClusterRecord,
  encodeRecord,
  type LockGrant,
  type LockOutcome,
  type LockRequest,
  type StoredRecord,
  type UnlockOutcome,
} from '@autocluster/core/backend';
import type { Exchange } from './exchange.js';
import { isFormation, only, shownKey, textOf } from './keys.js';
import { extendedAndSeen, leaseOf, leaseRef, type Store, storedRecord } from './registration.js';
import type { KeyValue, Lease, Step, TransactionReply } from './transport.js';

/** Contenders that are looked at to find our own among them; there are more only behind `etcdctl lock`. */
const CONTENDERS = 64;

interface Contender {
  readonly node: string;
  readonly instance: string;
  readonly attempt: string;
}

export type Released = (holder: KeyValue, from: bigint) => (signal: AbortSignal) => Promise<void>;

interface Acquisition {
  readonly store: Store;
  readonly exchange: Exchange;
  readonly request: LockRequest;
  readonly released: Released;
}

/** What one of us wrote into its key; undefined for the empty value of `etcdctl lock`. */
function contenderOf(stored: KeyValue): Contender | undefined {
  try {
    const fields: unknown = JSON.parse(textOf(stored.value) ?? '');
    if (typeof fields !== 'object' || fields === null) return undefined;
    if (!('node' in fields) || !('instance' in fields) || !('attempt' in fields)) return undefined;
    const { node, instance, attempt } = fields;
    if (typeof node !== 'string' || typeof instance !== 'string' || typeof attempt !== 'string') return undefined;
    return { node, instance, attempt };
  } catch {
    return undefined;
  }
}

const valueOf = ({ node, instance, attempt }: LockRequest): string => JSON.stringify({ node, instance, attempt });

const isOurs = (stored: KeyValue, { instance, attempt }: LockRequest): boolean => {
  const contender = contenderOf(stored);
  return contender?.instance === instance && contender.attempt === attempt;
};

const readRecord = ({ layout }: Store): Step => ({ kind: 'get', range: only(layout.record) });

const readContenders = ({ layout }: Store, name: string): Step => ({
  kind: 'get',
  range: layout.lockRange(name),
  limit: CONTENDERS,
  oldestFirst: true,
});

const subjectOf = ({ layout }: Store, name: string): string => {
  const keys = `${shownKey(layout.lockRange(name).key)}*`;
  return isFormation(name) ? `${keys} and ${shownKey(layout.record)}` : keys;
};

const recordIn = ({ pages }: TransactionReply): StoredRecord => storedRecord(pages.at(-1)?.entries[0]);

function grantOf(request: LockRequest, token: bigint, lease: Lease, record: StoredRecord): LockGrant {
  const { name, attempt } = request;
  const kept = isFormation(name) ? record : undefined;
  return { name, attempt, token, ttlMs: lease.ttlSeconds * 1000, ref: leaseRef(lease.id), record: kept };
}

/** Somebody is there: we, with an earlier request of this attempt, or another. */
async function occupied(
  { store, exchange, request, released }: Acquisition,
  reply: TransactionReply,
): Promise<LockOutcome> {
  const contenders = reply.pages[0]?.entries ?? [];
  const [owner] = contenders;
  if (owner === undefined) return { kind: 'busy', holder: undefined };
  if (isOurs(owner, request)) {
    const ttlSeconds = await store.client.extendLease(exchange, owner.lease);
    const lease = { id: owner.lease, ttlSeconds };
    if (ttlSeconds > 0) return { kind: 'held', grant: grantOf(request, owner.createRevision, lease, recordIn(reply)) };
  }
  const holder = contenderOf(owner)?.node;
  return { kind: 'busy', holder, released: released(owner, reply.revision + 1n) };
}

async function tryToEnter(acquisition: Acquisition): Promise<LockOutcome> {
  const { store, exchange, request } = acquisition;
  const { client, layout } = store;
  const { name } = request;
  const lease = await client.grantLease(exchange, request.ttlMs);
  const key = layout.lockKey(name, lease.id);
  let reply: TransactionReply;
  try {
    reply = await client.transact(exchange, subjectOf(store, name), {
      when: [{ range: layout.lockRange(name), target: 'create', equals: 0n }],
      act: [{ kind: 'put', key, value: valueOf(request), lease: lease.id }, readRecord(store)],
      otherwise: [readContenders(store, name), readRecord(store)],
    });
  } catch (error) {
    // A key that may have been written stays: a repeat of this attempt adopts it, or its lease ends.
    const applied = !(error instanceof ClusterError) || error.outcomeUnknown;
    if (!applied) void client.discardLease(exchange, lease.id);
    throw error;
  }
  if (reply.succeeded) return { kind: 'held', grant: grantOf(request, reply.revision, lease, recordIn(reply)) };
  const [outcome] = await Promise.all([occupied(acquisition, reply), client.discardLease(exchange, lease.id)]);
  return outcome;
}

async function look(acquisition: Acquisition): Promise<LockOutcome> {
  const { store, exchange, request } = acquisition;
  const read = { when: [], act: [readContenders(store, request.name), readRecord(store)] };
  const reply = await store.client.transact(exchange, subjectOf(store, request.name), read);
  return reply.pages[0]?.entries.length === 0 ? tryToEnter(acquisition) : occupied(acquisition, reply);
}

/** Extends the grant's lease and reads its own key: the key is the lock, not the lease. */
async function renew({ store, exchange, request }: Acquisition, held: LockGrant): Promise<LockOutcome> {
  const { client, layout } = store;
  const id = leaseOf(held.ref);
  const read = {
    when: [],
    act: [{ kind: 'get', range: only(layout.lockKey(held.name, id)) } as const, readRecord(store)],
  };
  const [ttlSeconds, reply] = await extendedAndSeen(
    client.extendLease(exchange, id),
    client.transact(exchange, subjectOf(store, held.name), read),
  );
  const stored = reply.pages[0]?.entries[0];
  const still = ttlSeconds > 0 && stored?.createRevision === held.token && stored.lease === id;
  if (!still) return { kind: 'lost' };
  return {
    kind: 'held',
    grant: { ...grantOf(request, held.token, { id, ttlSeconds }, recordIn(reply)), attempt: held.attempt },
  };
}

/** Locks by name that were occupied, or not answered for, when they were last asked for. */
export type Crowded = Set<string>;

/**
 * One attempt or one renewal. An attempt takes a lease and enters by one transaction; where somebody was before, it looks
 * first, since a lease that is granted and revoked for nothing costs the store two writes.
 */
export async function lock(acquisition: Acquisition, crowded: Crowded): Promise<LockOutcome> {
  const { name, held } = acquisition.request;
  if (held !== undefined) return renew(acquisition, held);
  const enter = crowded.has(name) ? look : tryToEnter;
  crowded.add(name);
  const outcome = await enter(acquisition);
  if (outcome.kind !== 'busy') crowded.delete(name);
  return outcome;
}

function wasCommitted(stored: StoredRecord, { clusterId, generation, token }: ClusterRecord): boolean {
  if (stored.kind !== 'present') return false;
  const { record } = stored;
  return record.clusterId === clusterId && record.generation === generation && record.token === token;
}

/** Deletes exactly this grant's key, and writes the record by the same transaction. */
export async function unlock(
  { store, exchange }: { readonly store: Store; readonly exchange: Exchange },
  grant: LockGrant,
  record: ClusterRecord | undefined,
): Promise<UnlockOutcome> {
  const { client, layout } = store;
  const { name, token } = grant;
  if (record !== undefined && !isFormation(name)) {
    const text = `the record is written under the formation lock only, not under ${JSON.stringify(name)}`;
    throw new ClusterError('UNSUPPORTED', text, { operation: exchange.operation });
  }
  const id = leaseOf(grant.ref);
  const key = layout.lockKey(name, id);
  const put: readonly Step[] =
    record === undefined ? [] : [{ kind: 'put', key: layout.record, value: encodeRecord(record), lease: 0n }];
  const reply = await client.transact(exchange, record === undefined ? shownKey(key) : subjectOf(store, name), {
    when: [{ range: only(key), target: 'create', equals: token }],
    act: [...put, { kind: 'delete', key }],
    otherwise: record === undefined ? [] : [readRecord(store)],
  });
  await client.discardLease(exchange, id);
  const released = reply.succeeded || (record !== undefined && wasCommitted(recordIn(reply), record));
  return { kind: released ? 'released' : 'lost' };
}
