import {
  ClusterError,
  type ClusterRecord,
  encodeRecord,
  type LockGrant,
  type LockOutcome,
  type LockRequest,
  type UnlockOutcome,
} from '@autocluster/core/backend';
import type { Exchange } from './exchange.js';
import { microTime } from './format-time.js';
import { ANNOTATIONS, isFormation, kindOfLock } from './keys.js';
import { fieldsIn, type Lease, type LeaseChange, textIn } from './lease.js';
import { createLease, updateLease } from './leases.js';
import { recordIn, type Seen, type Store } from './store.js';

/** How often somebody may be faster than we before the lock counts as busy. */
const ROUNDS = 3;
/** A holder's silence is looked at so often, in case the watch does not tell of its renewals. */
const LOOK_EVERY_MS = 5_000;

const urgent = { urgent: true } as const;

/** Whose grant stands in a Lease. */
interface Written {
  readonly node: string;
  readonly instance: string;
  readonly attempt: string;
  readonly token: bigint;
}

export type Released = (lease: Lease) => (signal: AbortSignal) => Promise<void>;

export interface Acquisition {
  readonly store: Store;
  readonly exchange: Exchange;
  readonly request: LockRequest;
  readonly released: Released;
}

/** Unique to one attempt, so that client-go's leader election never takes it for itself. */
const identityOf = ({ node, attempt }: Pick<LockRequest, 'node' | 'attempt'>): string => `${node}/${attempt}`;

/** The grant of one of us that is in force; undefined when the lock is free, or held by a foreign program. */
function grantIn({ annotations, holder }: Lease): Written | undefined {
  let value: unknown;
  try {
    value = JSON.parse(annotations[ANNOTATIONS.grant] ?? '');
  } catch {
    return undefined;
  }
  const fields = fieldsIn(value);
  const token = textIn(fields['token']);
  const [node, instance, attempt] = [textIn(fields['node']), textIn(fields['instance']), textIn(fields['attempt'])];
  if (!/^\d{1,39}$/.test(token) || holder === '' || holder !== identityOf({ node, attempt })) return undefined;
  return { node, instance, attempt, token: BigInt(token) };
}

function isOf(written: Written | undefined, { instance, attempt }: Pick<LockRequest, 'instance' | 'attempt'>): boolean {
  return written?.instance === instance && written.attempt === attempt;
}

const secondsOf = (ttlMs: number): number => Math.ceil(ttlMs / 1000);

function grantOf(request: LockRequest, token: bigint, lease: Lease): LockGrant {
  const { name, attempt, held } = request;
  const record = isFormation(name) ? recordIn(lease) : undefined;
  return { name, attempt: held?.attempt ?? attempt, token, ttlMs: lease.durationMs, ref: lease.uid, record };
}

/** Makes the Lease, held by nobody, so that the write which takes it depends on a version. */
async function place({ store, exchange, request }: Acquisition): Promise<Seen> {
  const { client, keys, locks } = store;
  const { name } = request;
  const change = { labels: keys.labels(kindOfLock(name)), annotations: keys.annotations(name) };
  const made = await createLease(client, exchange, keys.lock(name), change);
  if (made === 'conflict') return store.look(exchange, keys.lock(name), locks);
  return { lease: store.note(made), askedAtMs: exchange.clock.monotonicMs() };
}

/** What takes the lock. The token is the version that the write depends on: later ones are larger, in every Lease. */
function taking({ store, exchange, request }: Acquisition, lease: Lease): LeaseChange {
  const { keys } = store;
  const { name, node, instance, attempt, ttlMs } = request;
  const now = microTime(exchange.clock);
  const grant = JSON.stringify({ node, instance, attempt, token: lease.resourceVersion });
  return {
    labels: keys.labels(kindOfLock(name)),
    annotations: { ...keys.annotations(name), [ANNOTATIONS.grant]: grant },
    spec: {
      holderIdentity: identityOf(request),
      leaseDurationSeconds: secondsOf(ttlMs),
      acquireTime: now,
      renewTime: now,
      leaseTransitions: lease.transitions + 1,
    },
  };
}

function extending({ exchange, request }: Acquisition): LeaseChange {
  return { spec: { leaseDurationSeconds: secondsOf(request.ttlMs), renewTime: microTime(exchange.clock) } };
}

function busyWith(
  { store, released }: Acquisition,
  { lease, askedAtMs }: { lease: Lease; askedAtMs: number },
): LockOutcome {
  const holder = grantIn(lease)?.node ?? (lease.holder || undefined);
  const leftMs = lease.durationMs - store.locks.unchangedMs(lease, askedAtMs);
  return {
    kind: 'busy',
    holder,
    retryAfterMs: Math.min(LOOK_EVERY_MS, Math.max(1, leftMs)),
    released: released(lease),
  };
}

/** What was seen last, if it promises that the lock is free; else what is there now. */
async function firstLook({ store, exchange, request }: Acquisition): Promise<Seen> {
  const name = store.keys.lock(request.name);
  const known = store.latest.get(name);
  if (known?.holder === '') return { lease: known, askedAtMs: exchange.clock.monotonicMs() };
  return store.look(exchange, name, store.locks);
}

async function acquire(acquisition: Acquisition): Promise<LockOutcome> {
  const { store, exchange, request } = acquisition;
  const { client, locks, keys } = store;
  let seen = await firstLook(acquisition);
  let busy: LockOutcome = { kind: 'busy', holder: undefined };
  for (let round = 0; round < ROUNDS; round += 1) {
    const { lease, askedAtMs } = seen.lease === undefined ? await place(acquisition) : seen;
    if (lease === undefined) continue;
    const written = grantIn(lease);
    const isOurs = isOf(written, request);
    const isFree = lease.holder === '' || locks.unchangedMs(lease, askedAtMs) >= lease.durationMs;
    if (!isOurs && !isFree) return busyWith(acquisition, { lease, askedAtMs });
    const change = isOurs ? extending(acquisition) : taking(acquisition, lease);
    const answer = await updateLease(client, exchange, lease, change);
    if (answer !== 'conflict') {
      locks.see(store.note(answer), exchange.clock.monotonicMs());
      const token = isOurs && written !== undefined ? written.token : BigInt(lease.resourceVersion);
      return { kind: 'held', grant: grantOf(request, token, answer) };
    }
    seen = await store.look(exchange, keys.lock(request.name), locks);
    if (seen.lease !== undefined) busy = busyWith(acquisition, { lease: seen.lease, askedAtMs: seen.askedAtMs });
  }
  return busy;
}

const isHeld = (lease: Lease | undefined, { ref, token, attempt }: LockGrant): lease is Lease => {
  const written = lease && grantIn(lease);
  return lease?.uid === ref && written?.token === token && written.attempt === attempt;
};

type Change = (lease: Lease) => LeaseChange;

/** Writes what the holder of this grant may write; undefined when it is not the holder any more. */
async function writeAsHolder(
  store: Store,
  exchange: Exchange,
  grant: LockGrant,
  change: Change,
): Promise<{ readonly written: Lease } | { readonly found: Lease | undefined }> {
  const name = store.keys.lock(grant.name);
  const known = store.latest.get(name);
  let lease = isHeld(known, grant) ? known : (await store.look(exchange, name, store.locks)).lease;
  for (let round = 0; round < ROUNDS; round += 1) {
    if (!isHeld(lease, grant)) return { found: lease };
    const answer = await updateLease(store.client, exchange, lease, change(lease), urgent);
    if (answer !== 'conflict') {
      store.locks.see(store.note(answer), exchange.clock.monotonicMs());
      return { written: answer };
    }
    ({ lease } = await store.look(exchange, name, store.locks));
  }
  throw new ClusterError('STORE_FAILED', `the Lease of the lock ${grant.name} changes faster than it can be written`, {
    operation: exchange.operation,
    outcomeUnknown: false,
  });
}

async function renew(acquisition: Acquisition, held: LockGrant): Promise<LockOutcome> {
  const { store, exchange, request } = acquisition;
  const outcome = await writeAsHolder(store, exchange, held, () => extending(acquisition));
  if ('found' in outcome) return { kind: 'lost' };
  return { kind: 'held', grant: grantOf(request, held.token, outcome.written) };
}

/** One attempt, or one renewal: a write that depends on the Lease being as it was seen. */
export async function lock(acquisition: Acquisition): Promise<LockOutcome> {
  const { held } = acquisition.request;
  return held === undefined ? acquire(acquisition) : renew(acquisition, held);
}

function wasCommitted(lease: Lease | undefined, { clusterId, generation, token }: ClusterRecord): boolean {
  const stored = recordIn(lease);
  if (stored.kind !== 'present') return false;
  const { record } = stored;
  return record.clusterId === clusterId && record.generation === generation && record.token === token;
}

/** Empties exactly this grant's holder, and writes the record by the same write. */
export async function unlock(
  { store, exchange }: Pick<Acquisition, 'store' | 'exchange'>,
  grant: LockGrant,
  record: ClusterRecord | undefined,
): Promise<UnlockOutcome> {
  if (record !== undefined && !isFormation(grant.name)) {
    const text = `the record is written under the formation lock only, not under ${JSON.stringify(grant.name)}`;
    throw new ClusterError('UNSUPPORTED', text, { operation: exchange.operation });
  }
  const now = microTime(exchange.clock);
  const outcome = await writeAsHolder(store, exchange, grant, () => ({
    ...(record === undefined ? {} : { annotations: { [ANNOTATIONS.record]: encodeRecord(record) } }),
    // As client-go's leader election releases.
    spec: { holderIdentity: '', leaseDurationSeconds: 1, acquireTime: now, renewTime: now },
  }));
  const released = 'written' in outcome || (record !== undefined && wasCommitted(outcome.found, record));
  return { kind: released ? 'released' : 'lost' };
}
