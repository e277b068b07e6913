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
import { isObject, type KeyValue, textOf } from './answers.js';
import { storedRecord } from './claim.js';
import { bothOf, type Exchange } from './exchange.js';
import { isFormation, shownKey } from './keys.js';
import { grantedMs, type Store } from './store.js';
import type { Step, TransactionReply } from './transaction.js';

/** While a lock is closed for the lock-delay of a dead holder, nobody asks more often than once a second. */
const DELAYED: LockOutcome = { kind: 'busy', holder: undefined, retryAfterMs: 1000 };

interface Contender {
  readonly node: string;
  readonly instance: string;
  readonly attempt: string;
}

export type Released = (key: string, from: bigint) => (signal: AbortSignal) => Promise<void>;

export interface Acquisition {
  readonly store: Store;
  readonly exchange: Exchange;
  readonly request: LockRequest;
  readonly lockDelayMs: number;
  readonly released: Released;
}

interface Observed {
  readonly stored: KeyValue | undefined;
  readonly record: StoredRecord;
}

/** What one of us wrote into its key; undefined for the value of `consul lock`. */
function contenderOf(stored: KeyValue): Contender | undefined {
  try {
    const fields: unknown = JSON.parse(textOf(stored.value) ?? '');
    if (!isObject(fields)) return undefined;
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

const subjectOf = ({ layout }: Store, name: string): string => {
  const key = shownKey(layout.lock(name).key);
  return isFormation(name) ? `${key} and ${shownKey(layout.record)}` : key;
};

async function observe(store: Store, exchange: Exchange, name: string): Promise<Observed> {
  const { key } = store.layout.lock(name);
  const { record } = store.layout;
  const reply = await store.transact(exchange, subjectOf(store, name), [
    { verb: 'get', key },
    { verb: 'get', key: record },
  ]);
  if (reply.kind === 'done') return { stored: reply.entry(key), record: storedRecord(reply.entry(record)) };
  throw new ClusterError('STORE_FAILED', `a read was refused: ${reply.reason}`, { operation: exchange.operation });
}

interface Held {
  readonly attempt: string;
  readonly token: bigint;
  readonly session: string;
  readonly ttlMs: number;
  readonly record: StoredRecord;
}

function heldBy({ name }: LockRequest, { attempt, token, session, ttlMs, record }: Held): LockOutcome {
  const grant = { name, attempt, token, ttlMs, ref: session, record: isFormation(name) ? record : undefined };
  return { kind: 'held', grant };
}

/** Somebody has it: we, by an earlier request of this attempt, or another; or nobody any more. */
async function occupied({ store, exchange, request, released }: Acquisition, seen: Observed): Promise<LockOutcome> {
  const { stored, record } = seen;
  if (stored?.session === undefined) return { kind: 'busy', holder: undefined };
  if (isOurs(stored, request)) {
    const ttlMs = await store.renewSession(exchange, stored.session);
    const { attempt } = request;
    const own = { attempt, token: stored.modifyIndex, session: stored.session, ttlMs, record };
    if (ttlMs > 0) return heldBy(request, own);
  }
  return { kind: 'busy', holder: contenderOf(stored)?.node, released: released(stored.key, stored.modifyIndex) };
}

const isDelayed = (reply: TransactionReply): boolean => reply.kind === 'refused' && reply.reason.includes('lock delay');

async function enter(acquisition: Acquisition, session: string): Promise<LockOutcome> {
  const { store, exchange, request } = acquisition;
  const { name, attempt, ttlMs } = request;
  const { key } = store.layout.lock(name);
  const { record } = store.layout;
  const reply = await store.transact(exchange, subjectOf(store, name), [
    { verb: 'lock', key, value: valueOf(request), session },
    { verb: 'get', key: record },
  ]);
  const stored = reply.kind === 'done' ? reply.entry(key) : undefined;
  if (reply.kind === 'done' && stored !== undefined) {
    const granted = { attempt, token: stored.modifyIndex, session, ttlMs: grantedMs(ttlMs) };
    return heldBy(request, { ...granted, record: storedRecord(reply.entry(record)) });
  }
  if (isDelayed(reply)) return DELAYED;
  return occupied(acquisition, await observe(store, exchange, name));
}

async function tryToEnter(acquisition: Acquisition): Promise<LockOutcome> {
  const { store, exchange, request, lockDelayMs } = acquisition;
  const { name, node, ttlMs } = request;
  const title = `${shownKey(store.layout.lock(name).key)}: ${shownKey(node)}`;
  const session = await store.createSession(exchange, { name: title, ttlMs, lockDelayMs, behavior: 'release' });
  try {
    const outcome = await enter(acquisition, session);
    const isUsed = outcome.kind === 'held' && outcome.grant.ref === session;
    if (!isUsed) await store.discardSession(exchange, session);
    return outcome;
  } catch (error) {
    // A key that may have been taken stays: a repeat of this attempt adopts it, or its session ends.
    const applied = !(error instanceof ClusterError) || error.outcomeUnknown;
    if (!applied) void store.discardSession(exchange, session);
    throw error;
  }
}

async function look(acquisition: Acquisition): Promise<LockOutcome> {
  const { store, exchange, request } = acquisition;
  const seen = await observe(store, exchange, request.name);
  return seen.stored?.session === undefined ? tryToEnter(acquisition) : occupied(acquisition, seen);
}

/** Renews the grant's session and reads its own key: the key is the lock, not the session. */
async function renew({ store, exchange, request }: Acquisition, held: LockGrant): Promise<LockOutcome> {
  const { ref, token, attempt } = held;
  const [ttlMs, { stored, record }] = await bothOf(
    store.renewSession(exchange, ref),
    observe(store, exchange, request.name),
  );
  const isStillHeld = ttlMs > 0 && stored?.session === ref && stored.modifyIndex === token;
  return isStillHeld ? heldBy(request, { attempt, token, session: ref, ttlMs, record }) : { kind: 'lost' };
}

/** By lock, what the last attempt has met: somebody, or the lock-delay of somebody who died. */
export type Met = Map<string, 'somebody' | 'delay'>;

/** Nobody's. Consul looks at the lock-delay before it looks at the session, and then writes nothing. */
const NO_SESSION = '00000000-0000-0000-0000-000000000000';

/** One request, without a session made for nothing, tells whether the lock is still closed. */
async function knock(acquisition: Acquisition): Promise<LockOutcome> {
  const { store, exchange, request } = acquisition;
  const { key } = store.layout.lock(request.name);
  const reply = await store.transact(exchange, subjectOf(store, request.name), [
    { verb: 'lock', key, value: '', session: NO_SESSION },
  ]);
  return isDelayed(reply) ? DELAYED : look(acquisition);
}

const WAYS = { somebody: look, delay: knock } as const;

/**
 * One attempt or one renewal. An attempt makes a session and enters by one transaction; where somebody was before, it looks
 * first, since a session that is made and destroyed for nothing costs the store two writes.
 */
export async function lock(acquisition: Acquisition, met: Met): Promise<LockOutcome> {
  const { name, held } = acquisition.request;
  if (held !== undefined) return renew(acquisition, held);
  const before = met.get(name);
  const attempt = before === undefined ? tryToEnter : WAYS[before];
  // An attempt that is not answered for may have been made.
  met.set(name, 'somebody');
  const outcome = await attempt(acquisition);
  if (outcome.kind !== 'busy') met.delete(name);
  else if (outcome === DELAYED) met.set(name, 'delay');
  return outcome;
}

function wasCommitted(stored: StoredRecord, { clusterId, generation, token }: ClusterRecord): boolean {
  if (stored.kind !== 'present') return false;
  const { record } = stored;
  return record.clusterId === clusterId && record.generation === generation && record.token === token;
}

function stepsOf(
  { layout }: Store,
  { name, ref, token }: LockGrant,
  record: ClusterRecord | undefined,
): readonly Step[] {
  const { key, stays } = layout.lock(name);
  const release: Step = stays
    ? { verb: 'unlock', key, value: '', session: ref }
    : { verb: 'delete-cas', key, index: token };
  return [
    { verb: 'check-session', key, session: ref },
    { verb: 'check-index', key, index: token },
    ...(record === undefined ? [] : [{ verb: 'set', key: layout.record, value: encodeRecord(record) } as const]),
    release,
  ];
}

/** Releases exactly this grant's key, and writes the record by the same transaction. */
export async function unlock(
  { store, exchange }: { readonly store: Store; readonly exchange: Exchange },
  grant: LockGrant,
  record: ClusterRecord | undefined,
): Promise<UnlockOutcome> {
  const { name, ref } = grant;
  if (record !== undefined && !isFormation(name)) {
    const text = `the record is written under the formation lock only, not under ${JSON.stringify(name)}`;
    throw new ClusterError('UNSUPPORTED', text, { operation: exchange.operation });
  }
  const reply = await store.transact(exchange, subjectOf(store, name), stepsOf(store, grant, record));
  const isDone = reply.kind === 'done';
  const isCommitted = async (wanted: ClusterRecord): Promise<boolean> =>
    wasCommitted((await observe(store, exchange, name)).record, wanted);
  const isReleased = isDone || (record !== undefined && (await isCommitted(record)));
  // After the key, since a session that ends with a key in its hands closes that key for its lock-delay.
  await store.discardSession(exchange, ref);
  return { kind: isReleased ? 'released' : 'lost' };
}
