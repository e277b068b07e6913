import {
  ClusterError,
  type ClusterRecord,
  encodeRecord,
  FORMATION_LOCK,
  type LockGrant,
  type LockRequest,
  type NodeId,
  type UnlockOutcome,
} from '@autocluster/core/backend';
import { isLive, type Lease, newLease, splitLease, withLease } from './lease.js';
import { nextOf, nothing, type Plan, storedRecord, type View } from './view.js';

interface StoredLock {
  readonly lease: Lease;
  readonly text: string;
  /** Undefined: nobody that could be understood. */
  readonly holder: Holder | undefined;
}

interface Holder {
  readonly node: NodeId;
  readonly instance: string;
  readonly attempt: string;
}

/** What became of one attempt; `busy` tells whose token is in the way. */
export type LockAnswer =
  | { readonly kind: 'held'; readonly grant: LockGrant }
  | { readonly kind: 'busy'; readonly holder: NodeId | undefined; readonly token: bigint }
  | { readonly kind: 'lost' };

function isHolder(value: unknown): value is Holder {
  if (typeof value !== 'object' || value === null) return false;
  if (!('node' in value && 'instance' in value && 'attempt' in value)) return false;
  return [value.node, value.instance, value.attempt].every((each) => typeof each === 'string');
}

function readHolder(text: string): Holder | undefined {
  try {
    const holder: unknown = JSON.parse(text);
    return isHolder(holder) ? holder : undefined;
  } catch {
    return undefined;
  }
}

/** The lock's entry as long as it is in force. An expired one is nobody's, even if nobody took it. */
function liveLock(view: View, name: string): StoredLock | undefined {
  const value = view.get(view.keys.lock(name));
  const parts = value === undefined ? undefined : splitLease(value);
  if (parts === undefined || !isLive(parts.lease, view)) return undefined;
  return { ...parts, holder: readHolder(parts.text) };
}

/** Token of the grant in force, if there is one. */
export const heldToken = (view: View, name: string): bigint | undefined => liveLock(view, name)?.lease.order;

const isGrant = (stored: StoredLock, { token, attempt }: LockGrant): boolean =>
  stored.lease.order === token && stored.holder?.attempt === attempt;

function holding(view: View, request: LockRequest, token: bigint): Plan<LockAnswer> {
  const { name, node, instance, attempt } = request;
  const lease = newLease(token, request.ttlMs, view);
  const record = name === FORMATION_LOCK ? storedRecord(view) : undefined;
  const grant: LockGrant = { name, attempt, token, ttlMs: lease.ttlMs, ref: `${token}`, record };
  const value = withLease(lease, JSON.stringify({ node, instance, attempt }));
  const grows = token === BigInt(nextOf(view));
  return { outcome: { kind: 'held', grant }, writes: [{ key: view.keys.lock(name), value }], news: 'none', grows };
}

/** One attempt to acquire, or one renewal of `held`. */
export function planLock(view: View, request: LockRequest): Plan<LockAnswer> {
  const { held, name, attempt, instance } = request;
  const stored = liveLock(view, name);
  if (held !== undefined) {
    const own = stored !== undefined && isGrant(stored, held);
    return own ? holding(view, request, held.token) : nothing({ kind: 'lost' });
  }
  if (stored === undefined) return holding(view, request, BigInt(nextOf(view)));
  const token = stored.lease.order;
  const repeated = stored.holder?.attempt === attempt && stored.holder.instance === instance;
  return repeated ? holding(view, request, token) : nothing({ kind: 'busy', holder: stored.holder?.node, token });
}

function wasCommitted(view: View, { clusterId, generation, token }: ClusterRecord): boolean {
  const stored = storedRecord(view);
  if (stored.kind !== 'present') return false;
  const { record } = stored;
  return record.clusterId === clusterId && record.generation === generation && record.token === token;
}

/** Releases exactly this grant, and commits `record` in the same write. */
export function planUnlock(view: View, grant: LockGrant, record: ClusterRecord | undefined): Plan<UnlockOutcome> {
  const { keys } = view;
  const stored = liveLock(view, grant.name);
  if (stored === undefined || !isGrant(stored, grant)) {
    return nothing({ kind: record !== undefined && wasCommitted(view, record) ? 'released' : 'lost' });
  }
  const released = { key: keys.lock(grant.name), value: undefined };
  if (record === undefined) return { outcome: { kind: 'released' }, writes: [released], news: 'lock', grows: false };
  const committed = { key: keys.record, value: encodeRecord(record) };
  const grows = view.get(keys.record) === undefined;
  return { outcome: { kind: 'released' }, writes: [committed, released], news: 'list', grows };
}

/** Only the formation lock carries the record. */
export function refuseRecordElsewhere({ name }: LockGrant, record: ClusterRecord | undefined): void {
  if (record === undefined || name === FORMATION_LOCK) return;
  const text = `a record is committed with the lock ${FORMATION_LOCK} only, not with ${name}`;
  throw new ClusterError('UNSUPPORTED', text, { operation: 'unlock' });
}
