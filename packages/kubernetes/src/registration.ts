import {
  ClusterError,
  type Entry,
  encodeEntry,
  nameProblem,
  type RegisterOutcome,
  type RegisterRequest,
  type Registration,
  type StoredRecord,
} from '@autocluster/core/backend';
import type { Exchange } from './exchange.js';
import { microTime } from './format-time.js';
import { ANNOTATIONS } from './keys.js';
import type { Lease, LeaseChange } from './lease.js';
import { createLease, removeLease, updateLease } from './leases.js';
import { readRecord, type Seen, type Store } from './store.js';

/** How often an entry may change between our read and our write before we give up. */
const ROUNDS = 3;

const urgent = { urgent: true } as const;

/** Whether it was silent for its whole duration before our eyes. */
const hasLapsed = ({ members }: Store, lease: Lease, askedAtMs: number): boolean =>
  members.unchangedMs(lease, askedAtMs) >= lease.durationMs;

function entryOf(request: RegisterRequest, ttlMs: number): Entry {
  const { node, instance, state, identity, recordVersion, metadata } = request;
  return { node, instance, state, identity, recordVersion, metadata, ttlMs };
}

/** What the Lease must say; `before` is the Lease that is written over. */
function changeTo({ keys, owners }: Store, exchange: Exchange, entry: Entry, before: Lease | undefined): LeaseChange {
  const now = microTime(exchange.clock);
  const isNew = before?.holder !== entry.instance;
  const taken = { acquireTime: now, leaseTransitions: before === undefined ? 0 : before.transitions + 1 };
  return {
    labels: keys.labels('member'),
    annotations: { ...keys.annotations(entry.node), [ANNOTATIONS.entry]: encodeEntry(entry) },
    spec: {
      holderIdentity: entry.instance,
      leaseDurationSeconds: (entry.ttlMs ?? 0) / 1000,
      renewTime: now,
      ...(isNew ? taken : {}),
    },
    owners,
  };
}

/** Writes the entry under the condition that its Lease is still as it was seen. */
async function settle(
  store: Store,
  exchange: Exchange,
  request: RegisterRequest,
  record: StoredRecord,
): Promise<RegisterOutcome> {
  const { client, keys } = store;
  const { node, instance, held } = request;
  const name = keys.member(node);
  const entry = entryOf(request, Math.ceil(request.ttlMs / 1000) * 1000);
  const known = store.latest.get(name);
  // What we wrote last is most likely still there, and for a new name most likely nothing is: the write finds out. That
  // somebody else has the name is never told from memory.
  const mine = known?.uid === held?.ref && known?.holder === instance ? known : undefined;
  let seen: Seen = { lease: mine, askedAtMs: exchange.clock.monotonicMs() };
  for (let round = 0; round < ROUNDS; round += 1) {
    const { lease, askedAtMs } = seen;
    const isFree = lease === undefined || [instance, ''].includes(lease.holder) || hasLapsed(store, lease, askedAtMs);
    if (!isFree) {
      return { kind: 'conflict', instance: nameProblem(lease.holder) === undefined ? lease.holder : undefined };
    }
    const change = changeTo(store, exchange, entry, lease);
    const written =
      lease === undefined
        ? await createLease(client, exchange, name, change)
        : await updateLease(client, exchange, lease, change, urgent);
    if (written !== 'conflict') {
      store.note(written);
      const registration = { ...entry, order: undefined, ref: written.uid, ttlMs: written.durationMs };
      return { kind: 'registered', registration, record };
    }
    seen = await store.look(exchange, name, store.members);
  }
  throw new ClusterError('STORE_FAILED', `the Lease of ${node} changes faster than it can be written`, {
    operation: exchange.operation,
    outcomeUnknown: false,
  });
}

/** Makes an entry, or renews the one of `request.held`: one read of the record and one write. */
export async function register(store: Store, exchange: Exchange, request: RegisterRequest): Promise<RegisterOutcome> {
  // First what changes nothing: when it fails, it is certain that nothing was written.
  const record = await readRecord(store, exchange);
  return settle(store, exchange, request, record);
}

/** Removes the entry of exactly this instance. */
export async function unregister(store: Store, exchange: Exchange, registration: Registration): Promise<void> {
  const { client, keys } = store;
  const { node, instance, ref } = registration;
  const name = keys.member(node);
  const known = store.latest.get(name);
  let lease = known?.uid === ref ? known : (await store.look(exchange, name, store.members)).lease;
  for (let round = 0; round < ROUNDS; round += 1) {
    if (lease === undefined || lease.holder !== instance) return;
    const outcome = await removeLease(client, exchange, lease);
    if (outcome !== 'conflict') {
      store.latest.delete(name);
      return;
    }
    lease = (await store.look(exchange, name, store.members)).lease;
  }
  throw new ClusterError('STORE_FAILED', `the Lease of ${node} changes faster than it can be removed`, {
    operation: exchange.operation,
    outcomeUnknown: false,
  });
}
