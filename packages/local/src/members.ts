import {
  decodeEntry,
  type Entry,
  encodeEntry,
  type MemberList,
  type NodeId,
  type RegisterOutcome,
  type RegisterRequest,
  type Registration,
} from '@autocluster/core/backend';
import { isLive, type Lease, newLease, splitLease, withLease } from './lease.js';
import { nextOf, nothing, type Plan, storedRecord, type View, type Write } from './view.js';

type StoredMember =
  | { readonly kind: 'member'; readonly lease: Lease; readonly text: string; readonly entry: Entry }
  | { readonly kind: 'unreadable'; readonly lease: Lease | undefined; readonly reason: string };

function readMember(value: string, node: NodeId): StoredMember {
  const parts = splitLease(value);
  if (parts === undefined) return { kind: 'unreadable', lease: undefined, reason: 'it does not begin with a lease' };
  const { lease, text } = parts;
  const decoded = decodeEntry(text);
  if (decoded.kind === 'unreadable') return { kind: 'unreadable', lease, reason: decoded.reason };
  if (decoded.entry.node !== node) return { kind: 'unreadable', lease, reason: 'it names another node than its key' };
  return { kind: 'member', lease, text, entry: decoded.entry };
}

/** Entries that ended are removed when somebody new comes, a few at a time, so that names in use once do not pile up. */
const SWEPT_AT_ONCE = 100;

function endedEntries(view: View): Write[] {
  const ended: Write[] = [];
  for (const { key, value } of view.range(view.keys.everything)) {
    const lease = key === view.keys.record ? undefined : splitLease(value)?.lease;
    if (lease !== undefined && !isLive(lease, view)) ended.push({ key, value: undefined });
    if (ended.length === SWEPT_AT_ONCE) break;
  }
  return ended;
}

/** Makes or renews an entry, unless another live instance has the name. */
export function planRegister(view: View, request: RegisterRequest): Plan<RegisterOutcome> {
  const { node, instance, state, identity, recordVersion, metadata } = request;
  const key = view.keys.member(node);
  const value = view.get(key);
  const stored = value === undefined ? undefined : readMember(value, node);
  const live = stored?.lease !== undefined && isLive(stored.lease, view);
  if (live && stored.kind === 'unreadable') return nothing({ kind: 'conflict', instance: undefined });
  const known = stored?.kind === 'member' && stored.lease.boot === view.boot ? stored : undefined;
  const own = known?.entry.instance === instance ? known : undefined;
  if (live && known !== undefined && own === undefined) {
    return nothing({ kind: 'conflict', instance: known.entry.instance });
  }
  const lease = newLease(own?.lease.order ?? BigInt(nextOf(view)), request.ttlMs, view);
  const member = { node, instance, state, identity, recordVersion, metadata };
  const text = encodeEntry({ ...member, ttlMs: lease.ttlMs });
  const registration = { ...member, order: lease.order, ref: `${lease.order}`, ttlMs: lease.ttlMs };
  const swept = own === undefined ? endedEntries(view).filter((write) => write.key !== key) : [];
  return {
    outcome: { kind: 'registered', registration, record: storedRecord(view) },
    writes: [...swept, { key, value: withLease(lease, text) }],
    news: live && own?.text === text ? 'none' : 'list',
    grows: own === undefined,
  };
}

/** Removes the entry of exactly this instance. */
export function planUnregister(view: View, { node, instance }: Registration): Plan<undefined> {
  const key = view.keys.member(node);
  const value = view.get(key);
  const stored = value === undefined ? undefined : readMember(value, node);
  if (stored?.kind !== 'member' || stored.entry.instance !== instance) return nothing(undefined);
  const news = isLive(stored.lease, view) ? 'list' : 'none';
  return { outcome: undefined, writes: [{ key, value: undefined }], news, grows: false };
}

/** Everything that a list shows; `store` is the identity of the store. */
export function listMembers(view: View, store: string): MemberList {
  const members: Registration[] = [];
  const skipped: { key: string; reason: string }[] = [];
  for (const { key, value } of view.range(view.keys.members)) {
    const node = view.keys.nodeOf(key);
    const stored = node === undefined ? undefined : readMember(value, node);
    if (stored === undefined) skipped.push({ key, reason: 'its key names no node' });
    else if (stored.kind === 'unreadable') skipped.push({ key, reason: stored.reason });
    else if (isLive(stored.lease, view)) {
      const { order } = stored.lease;
      members.push({ ...stored.entry, order, ref: `${order}`, ttlMs: undefined });
    }
  }
  const record = storedRecord(view);
  return { members, record, complete: true, skipped, revision: BigInt(view.counters?.sequence ?? 0), store };
}
