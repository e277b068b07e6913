import {
  type Capabilities,
  FORMATION_LOCK,
  type LockGrant,
  type LockOutcome,
  type LockRequest,
  type MemberList,
  type RegisterOutcome,
  type RegisterRequest,
  type Registration,
  type UnlockOutcome,
} from '../backend/index.js';
import {
  type Asked,
  bigintOf,
  booleanOf,
  durationOf,
  type Fields,
  fieldsOf,
  isFields,
  isName,
  listOf,
  nameOf,
  oneOf,
  registrationOf,
  storedRecordOf,
  textOf,
  wrong,
} from './check-value.js';

export function checkRegistered(
  asked: Asked,
  request: RegisterRequest,
  source: Capabilities['registration'],
  answer: unknown,
): RegisterOutcome {
  const fields = fieldsOf(asked, answer, 'the answer');
  const kind = oneOf(asked, fields['kind'], ['registered', 'conflict'], 'kind');
  if (kind === 'conflict') {
    const { instance } = fields;
    return Object.freeze({ kind, instance: instance === undefined ? undefined : nameOf(asked, instance, 'instance') });
  }
  const registration = registrationOf(asked, fields['registration'], 'registration');
  if (registration.node !== request.node) wrong(asked, 'registration.node', 'the node that was asked for');
  if (source === 'explicit' && registration.instance !== request.instance) {
    wrong(asked, 'registration.instance', 'the instance that was asked for');
  }
  return Object.freeze({ kind, registration, record: storedRecordOf(asked, fields['record'], 'record') });
}

type Skipped = MemberList['skipped'][number];

function newer(a: Registration, b: Registration): boolean {
  if (a.order !== undefined && b.order !== undefined && a.order !== b.order) return a.order > b.order;
  return a.instance > b.instance;
}

/**
 * One entry for each node. Platforms list a node twice while it is replaced, so a second entry is no fault of the
 * backend: every observer keeps the same one, the newest.
 */
function withoutDuplicates(members: readonly Registration[], skipped: Skipped[]): readonly Registration[] {
  const kept = new Map<string, Registration>();
  for (const member of members) {
    const other = kept.get(member.node);
    const older = other !== undefined && newer(other, member) ? member : other;
    if (older !== undefined) skipped.push({ key: older.ref, reason: `an older entry of node ${older.node}` });
    if (older !== member) kept.set(member.node, member);
  }
  return kept.size === members.length ? members : [...kept.values()];
}

/** A name that somebody else wrote into the store must not hide all other members. */
const hasNames = (value: unknown): boolean => !isFields(value) || (isName(value['node']) && isName(value['instance']));

function skippedOf(asked: Asked, value: unknown): Skipped {
  const fields = fieldsOf(asked, value, 'skipped[…]');
  const { key, reason } = fields;
  if (typeof key !== 'string') return wrong(asked, 'skipped[…].key', 'a text');
  return Object.freeze({
    key,
    reason: typeof reason === 'string' ? reason : wrong(asked, 'skipped[…].reason', 'a text'),
  });
}

export function checkList(asked: Asked, answer: unknown): MemberList {
  const fields = fieldsOf(asked, answer, 'the answer');
  const { revision, store } = fields;
  const skipped = listOf(asked, fields['skipped'], 'skipped').map((each) => skippedOf(asked, each));
  const members: Registration[] = [];
  for (const [index, each] of listOf(asked, fields['members'], 'members').entries()) {
    if (hasNames(each)) members.push(registrationOf(asked, each, `members[${index}]`));
    else skipped.push({ key: `members[${index}]`, reason: 'node or instance is not a name' });
  }
  return Object.freeze({
    members: Object.freeze(withoutDuplicates(members, skipped)),
    record: storedRecordOf(asked, fields['record'], 'record'),
    complete: booleanOf(asked, fields['complete'], 'complete'),
    skipped: Object.freeze(skipped),
    revision: revision === undefined ? undefined : bigintOf(asked, revision, 'revision'),
    store: store === undefined ? undefined : textOf(asked, store, 'store'),
  });
}

function grantOf(asked: Asked, request: LockRequest, value: unknown): LockGrant {
  const fields = fieldsOf(asked, value, 'grant');
  const { record, ref } = fields;
  if (fields['name'] !== request.name) wrong(asked, 'grant.name', 'the lock that was asked for');
  if (fields['attempt'] !== request.attempt) wrong(asked, 'grant.attempt', 'the attempt that was asked for');
  const token = bigintOf(asked, fields['token'], 'grant.token');
  if (request.held !== undefined && token !== request.held.token) wrong(asked, 'grant.token', 'that of the held grant');
  const isFormation = request.name === FORMATION_LOCK;
  const mustCarryRecord = isFormation && (request.held === undefined || record !== undefined);
  return Object.freeze({
    name: request.name,
    attempt: request.attempt,
    token,
    ttlMs: durationOf(asked, fields['ttlMs'], 'grant.ttlMs'),
    ref: typeof ref === 'string' ? ref : wrong(asked, 'grant.ref', 'a text'),
    record: mustCarryRecord ? storedRecordOf(asked, record, 'grant.record') : undefined,
  });
}

/** A hint as a promise that settles at the signal, whatever the backend's own does. */
export type GuardHint = (hint: CallableFunction) => (signal: AbortSignal) => Promise<void>;

function busyOf(asked: Asked, fields: Fields, guardHint: GuardHint): LockOutcome {
  const { holder, retryAfterMs, released } = fields;
  if (holder !== undefined && typeof holder !== 'string') wrong(asked, 'holder', 'a text');
  if (released !== undefined && typeof released !== 'function') return wrong(asked, 'released', 'a function');
  const mayBeDelay = retryAfterMs === undefined || (Number.isFinite(retryAfterMs) && Number(retryAfterMs) >= 0);
  if (!mayBeDelay) wrong(asked, 'retryAfterMs', 'a number of milliseconds');
  return Object.freeze({
    kind: 'busy',
    holder: holder === '' ? undefined : holder,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs: Number(retryAfterMs) }),
    ...(released === undefined ? {} : { released: guardHint(released) }),
  });
}

const LOST: { readonly kind: 'lost' } = Object.freeze({ kind: 'lost' });
const RELEASED: UnlockOutcome = Object.freeze({ kind: 'released' });

export function checkLocked(asked: Asked, request: LockRequest, guardHint: GuardHint, answer: unknown): LockOutcome {
  const fields = fieldsOf(asked, answer, 'the answer');
  const renewing = request.held !== undefined;
  const kind = oneOf(asked, fields['kind'], renewing ? ['held', 'lost'] : ['held', 'busy'], 'kind');
  if (kind === 'held') return Object.freeze({ kind, grant: grantOf(asked, request, fields['grant']) });
  return kind === 'lost' ? LOST : busyOf(asked, fields, guardHint);
}

export function checkUnlocked(asked: Asked, answer: unknown): UnlockOutcome {
  const fields = fieldsOf(asked, answer, 'the answer');
  return oneOf(asked, fields['kind'], ['released', 'lost'], 'kind') === 'lost' ? LOST : RELEASED;
}
