import { nextRecord } from '../backend/cluster-record.js';
import {
  FORMATION_LOCK,
  type ClusterIdentity,
  type ClusterRecord,
  type LockGrant,
  type MemberList,
  sameIdentity,
  type StoredRecord,
} from '../backend/index.js';
import { ClusterError } from '../errors/index.js';
import type { GuardedBackend, GuardedDriver } from '../guard/index.js';
import { anySignal, deadline, patiently, type Runtime } from '../runtime/index.js';
import type { LockKeeper, RegistrationKeeper } from '../session/index.js';
import { identityOf } from './situation.js';

export interface FarewellParts {
  readonly backend: GuardedBackend;
  readonly runtime: Runtime;
  readonly keeper: RegistrationKeeper;
  readonly self: string;
  readonly instance: string;
  readonly ttlMs: number;
  /** The cluster that this node was formed in, if it was. */
  readonly identity: ClusterIdentity | undefined;
  readonly signal: AbortSignal;
}

/** The record, when it is there and names this cluster. Under the lock the one of the grant counts: a list may be late. */
function recordOf(stored: StoredRecord | undefined, identity: ClusterIdentity): ClusterRecord | undefined {
  if (stored?.kind !== 'present') return undefined;
  return sameIdentity(identityOf(stored.record), identity) ? stored.record : undefined;
}

/** Where entries do not say to which cluster their nodes belong, whoever is listed may be a member. */
function nobodyLeft(list: MemberList, { self, backend }: Pick<FarewellParts, 'self' | 'backend'>): boolean {
  const mayBeMember = (identity: ClusterIdentity | undefined): boolean =>
    identity !== undefined || !backend.capabilities.metadata;
  return list.complete && !list.members.some(({ node, identity }) => node !== self && mayBeMember(identity));
}

async function tryLock(parts: Omit<FarewellParts, 'identity' | 'keeper'>): Promise<LockGrant | string | undefined> {
  const { backend, runtime, self, instance, ttlMs, signal } = parts;
  const request = { name: FORMATION_LOCK, node: self, instance, attempt: runtime.uniqueId(), ttlMs };
  try {
    const outcome = await backend.lock(request, { signal });
    return outcome.kind === 'held' ? outcome.grant : outcome.kind === 'busy' ? outcome.holder : undefined;
  } catch (error) {
    await backend.giveUpLock(request);
    throw error;
  }
}

export interface Goodbye {
  /** How long the word that nobody is left may take, in ms. What is left until the signal aborts is for its lock. */
  readonly wordMs: number;
  /** An entry was there and is gone. */
  readonly onRemoved: () => void;
}

/** Back soon: the entry goes, and whoever goes last leaves word that nobody is there. Never rejects. */
export async function sayGoodbye(parts: FarewellParts, { wordMs, onRemoved }: Goodbye): Promise<void> {
  const { keeper, runtime, signal } = parts;
  try {
    if (await patiently(runtime, signal, () => keeper.withdraw({ signal }))) onRemoved();
  } catch {
    // What stays behind expires, and whoever comes next waits a little longer.
    return;
  }
  const word = deadline(runtime, wordMs, 'goodbye', [signal]);
  await leaveWord(parts, word.signal).catch(() => undefined);
  word.clear();
}

async function leaveWord(parts: FarewellParts, inTime: AbortSignal): Promise<void> {
  const { backend, runtime, identity } = parts;
  if (!identity) return;
  const list = await patiently(runtime, inTime, () => backend.list({ signal: inTime }));
  const record = recordOf(list.record, identity);
  if (record && !record.idle && nobodyLeft(list, parts)) await markIdle(parts, identity, inTime);
}

async function markIdle(parts: FarewellParts, identity: ClusterIdentity, inTime: AbortSignal): Promise<void> {
  const { backend, signal } = parts;
  const grant = await tryLock({ ...parts, signal: inTime });
  if (typeof grant !== 'object') return;
  const list = await backend.list({ signal: inTime }).catch(() => undefined);
  const record = recordOf(grant.record, identity);
  const idle = list && record && nobodyLeft(list, parts) ? nextRecord(record, grant.token, { idle: true }) : undefined;
  // Whatever became of the word, nobody shall wait for its lock to lapse.
  await backend.unlock(grant, { signal, record: idle }).catch(() => backend.unlock(grant));
}

function requireRecord(stored: StoredRecord | undefined, identity: ClusterIdentity | undefined): ClusterRecord {
  const record = identity && recordOf(stored, identity);
  if (record) return record;
  const what = stored?.kind === 'present' ? 'names another cluster' : `is ${stored?.kind ?? 'unknown'}`;
  throw new ClusterError('CLUSTER_MISMATCH', `the record ${what}: this node has not left`, { operation: 'leave' });
}

/**
 * Where entries say so, whoever leaves is ready for nobody before its daemon goes. It stays listed, so that nobody removes it
 * meanwhile.
 */
async function offerNoMore({ runtime, keeper, self, signal }: FarewellParts): Promise<void> {
  const { announced } = keeper;
  if (!announced) return;
  const { kind } = await patiently(runtime, signal, () => keeper.announce({ ...announced, state: 'joining' }));
  if (kind === 'registered') return;
  const text = `another live instance holds the name ${self}: this node has not left`;
  throw new ClusterError('NAME_HELD', text, { operation: 'leave', outcomeUnknown: false });
}

/** Gone for good: out of the daemon's cluster and out of the size, under the lock that the caller keeps. */
export async function leaveForGood(parts: FarewellParts, driver: GuardedDriver, lock: LockKeeper): Promise<void> {
  const { backend, runtime, keeper, identity } = parts;
  const { signal } = lock;
  const list = await patiently(runtime, parts.signal, () => backend.list({ signal: parts.signal }));
  if (!list.complete) {
    const text = 'the list says that entries may be missing: this node has not left';
    throw new ClusterError('STORE_FAILED', text, { operation: 'leave', outcomeUnknown: false });
  }
  const record = requireRecord(lock.grant.record, identity);
  await offerNoMore(parts);
  lock.assertHeld();
  const scope = anySignal([parts.signal, signal]);
  await driver.leave?.({ signal: scope.signal, list }).finally(scope.clear);
  // The daemon has left: an entry that stays behind lapses, but a size that stays would count it for ever, also after a stop.
  await patiently(runtime, signal, () => keeper.withdraw({ signal })).catch(() => undefined);
  // Others may have joined meanwhile.
  const listed = await patiently(runtime, signal, () => backend.list({ signal })).catch(() => undefined);
  const idle = listed !== undefined && nobodyLeft(listed, parts);
  const size = Math.max(0, record.size - 1);
  const removed = record.removed.filter((node) => node !== parts.self);
  const changed = nextRecord(record, lock.grant.token, { size, idle, removed });
  const outcome = await patiently(runtime, signal, () => lock.release({ signal, record: changed }));
  if (outcome.kind === 'released') return;
  throw new ClusterError('LOCK_LOST', 'the node has left, and the record still counts it', { operation: 'leave' });
}
