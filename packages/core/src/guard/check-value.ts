import type { ClusterRecord, Registration, StoredRecord } from '../backend/index.js';
import { nameProblem } from '../backend/index.js';
import { contractError } from './foreign-error.js';

/** Whose answer is being checked, and to which verb. */
export interface Asked {
  readonly who: string;
  readonly operation: string;
}

export type Fields = Readonly<Record<string, unknown>>;

export function wrong(asked: Asked, field: string, expected: string): never {
  throw contractError(asked.who, asked.operation, `${field} is not ${expected}`);
}

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export function fieldsOf(asked: Asked, value: unknown, field: string): Fields {
  return isFields(value) ? value : wrong(asked, field, 'an object');
}

export function textOf(asked: Asked, value: unknown, field: string): string {
  return typeof value === 'string' && value !== '' ? value : wrong(asked, field, 'a text');
}

export function countOf(asked: Asked, value: unknown, field: string): number {
  return Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : wrong(asked, field, 'a count');
}

export function bigintOf(asked: Asked, value: unknown, field: string): bigint {
  return typeof value === 'bigint' && value >= 0n ? value : wrong(asked, field, 'a bigint of at least 0');
}

/** A duration in milliseconds that is longer than nothing. */
export function durationOf(asked: Asked, value: unknown, field: string): number {
  const isDuration = typeof value === 'number' && value > 0 && value < Number.POSITIVE_INFINITY;
  return isDuration ? value : wrong(asked, field, 'a positive number of milliseconds');
}

export function booleanOf(asked: Asked, value: unknown, field: string): boolean {
  return typeof value === 'boolean' ? value : wrong(asked, field, 'a boolean');
}

export function oneOf<const T extends string>(asked: Asked, value: unknown, allowed: readonly T[], field: string): T {
  return allowed.find((each) => each === value) ?? wrong(asked, field, allowed.map((each) => `'${each}'`).join(' | '));
}

export function listOf(asked: Asked, value: unknown, field: string): readonly unknown[] {
  return Array.isArray(value) ? value : wrong(asked, field, 'an array');
}

export function textsOf(asked: Asked, value: unknown, field: string): readonly string[] {
  return Object.freeze(listOf(asked, value, field).map((each) => textOf(asked, each, `${field}[…]`)));
}

const NOTHING: Readonly<Record<string, string>> = Object.freeze({});

export function textMapOf(asked: Asked, value: unknown, field: string): Readonly<Record<string, string>> {
  const fields = fieldsOf(asked, value, field);
  const names = Object.keys(fields);
  if (names.length === 0) return NOTHING;
  const entries = names.map((name): [string, string] => {
    const text = fields[name];
    return typeof text === 'string' ? [name, text] : wrong(asked, `${field}.${name}`, 'a text');
  });
  return Object.freeze(Object.fromEntries(entries));
}

/** Most names are plain, and those that were found good before need no second look. */
const PLAIN_NAME = /^[\w@-][\w.@-]{0,252}$/;
export const isName = (value: unknown): value is string =>
  typeof value === 'string' && (PLAIN_NAME.test(value) || nameProblem(value) === undefined);

export function nameOf(asked: Asked, value: unknown, field: string): string {
  return isName(value) ? value : wrong(asked, field, 'a name');
}

const STATES = ['joining', 'ready'] as const;

/** A copy of a registration, which its backend cannot change any more. */
export function registrationOf(asked: Asked, value: unknown, at: string): Registration {
  const fields = fieldsOf(asked, value, at);
  const { identity, recordVersion, order, ref, ttlMs } = fields;
  return Object.freeze({
    node: nameOf(asked, fields['node'], `${at}.node`),
    instance: nameOf(asked, fields['instance'], `${at}.instance`),
    state: oneOf(asked, fields['state'], STATES, `${at}.state`),
    identity: identity === undefined ? undefined : identityOf(asked, identity, `${at}.identity`),
    recordVersion: recordVersion === undefined ? undefined : countOf(asked, recordVersion, `${at}.recordVersion`),
    metadata: textMapOf(asked, fields['metadata'], `${at}.metadata`),
    order: order === undefined ? undefined : bigintOf(asked, order, `${at}.order`),
    ref: typeof ref === 'string' ? ref : wrong(asked, `${at}.ref`, 'a text'),
    ttlMs: ttlMs === undefined ? undefined : durationOf(asked, ttlMs, `${at}.ttlMs`),
  });
}

export function identityOf(asked: Asked, value: unknown, at: string) {
  const fields = fieldsOf(asked, value, at);
  return Object.freeze({
    clusterId: textOf(asked, fields['clusterId'], `${at}.clusterId`),
    generation: countOf(asked, fields['generation'], `${at}.generation`),
  });
}

export const ABSENT: StoredRecord = Object.freeze({ kind: 'absent' });

export function storedRecordOf(asked: Asked, value: unknown, at: string): StoredRecord {
  const fields = fieldsOf(asked, value, at);
  const kind = oneOf(asked, fields['kind'], ['absent', 'present', 'unreadable'], `${at}.kind`);
  if (kind === 'absent') return ABSENT;
  if (kind === 'unreadable') {
    return Object.freeze({ kind, reason: textOf(asked, fields['reason'], `${at}.reason`) });
  }
  return Object.freeze({ kind, record: recordOf(asked, fields['record'], `${at}.record`) });
}

export function recordOf(asked: Asked, value: unknown, at: string): ClusterRecord {
  const fields = fieldsOf(asked, value, at);
  return Object.freeze({
    ...identityOf(asked, value, at),
    createdBy: textOf(asked, fields['createdBy'], `${at}.createdBy`),
    createdAt: textOf(asked, fields['createdAt'], `${at}.createdAt`),
    token: bigintOf(asked, fields['token'], `${at}.token`),
    version: countOf(asked, fields['version'], `${at}.version`),
    size: countOf(asked, fields['size'], `${at}.size`),
    idle: booleanOf(asked, fields['idle'], `${at}.idle`),
    removed: textsOf(asked, fields['removed'], `${at}.removed`),
    settings: textMapOf(asked, fields['settings'], `${at}.settings`),
    extra: Object.freeze({ ...fieldsOf(asked, fields['extra'], `${at}.extra`) }),
  });
}
