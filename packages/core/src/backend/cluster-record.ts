import type { ClusterIdentity, NodeId } from './member.js';
import { isCount, isObject, isText, isTextMap, isTexts } from './shape.js';

/** The durable fact that a cluster of this name exists: one per cluster name, written only under the formation lock. */
export interface ClusterRecord extends ClusterIdentity {
  readonly createdBy: NodeId;
  /** ISO 8601, for people only. */
  readonly createdAt: string;
  /** Fencing token of the grant under which this version was written. */
  readonly token: bigint;
  /** One more at each write: orders the versions of one identity. */
  readonly version: number;
  /** Most members that were ever seen together: the base of every majority and ratio. */
  readonly size: number;
  /** The last member left cleanly: nobody is there. */
  readonly idle: boolean;
  /** Members that cleanup has forgotten and that did not join again since. */
  readonly removed: readonly NodeId[];
  /** Durable settings of the operator, e.g. `cleanup.paused`. */
  readonly settings: Readonly<Record<string, string>>;
  /** Fields of a newer version of this library, kept on every rewrite. */
  readonly extra: Readonly<Record<string, unknown>>;
}

export type StoredRecord =
  | { readonly kind: 'absent' }
  | { readonly kind: 'present'; readonly record: ClusterRecord }
  | { readonly kind: 'unreadable'; readonly reason: string };

/** Changes of the format that an older reader must not touch raise this number. */
const FORMAT = 1;
const KNOWN_FIELDS: ReadonlySet<string> = new Set([
  'format',
  'clusterId',
  'generation',
  'createdBy',
  'createdAt',
  'token',
  'version',
  'size',
  'idle',
  'removed',
  'settings',
]);

/** The record as JSON text; {@link decodeRecord} reads it back. Backends store this text and nothing else. */
export function encodeRecord(record: ClusterRecord): string {
  const { extra, token, ...fields } = record;
  return JSON.stringify({ ...extra, format: FORMAT, ...fields, token: token.toString() });
}

const isToken = (value: unknown): value is string => typeof value === 'string' && /^\d{1,39}$/.test(value);

function unreadable(reason: string): StoredRecord {
  return { kind: 'unreadable', reason };
}

/** Reads the text of a record. Whatever it cannot understand is `unreadable`, never `absent`, and never a throw. */
export function decodeRecord(text: string): StoredRecord {
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch {
    return unreadable('not JSON');
  }
  if (!isObject(fields)) return unreadable('not a JSON object');
  const { format, clusterId, generation, createdBy, createdAt, token, version, size, idle, removed, settings } = fields;
  if (format !== FORMAT) return unreadable(`format ${JSON.stringify(format)} is not ${FORMAT}`);
  if (!isText(clusterId)) return unreadable('clusterId is not a text');
  if (!isCount(generation)) return unreadable('generation is not a count');
  if (!isText(createdBy)) return unreadable('createdBy is not a text');
  if (!isText(createdAt)) return unreadable('createdAt is not a text');
  if (!isToken(token)) return unreadable('token is not a number in decimal text');
  if (!isCount(version)) return unreadable('version is not a count');
  if (!isCount(size)) return unreadable('size is not a count');
  if (typeof idle !== 'boolean') return unreadable('idle is not a boolean');
  if (!isTexts(removed)) return unreadable('removed is not a list of texts');
  if (!isTextMap(settings)) return unreadable('settings is not an object of texts');
  const extra = Object.fromEntries(Object.entries(fields).filter(([name]) => !KNOWN_FIELDS.has(name)));
  const identity = { clusterId, generation, createdBy, createdAt, token: BigInt(token) };
  return { kind: 'present', record: { ...identity, version, size, idle, removed, settings, extra } };
}

/** The setting that pauses cleanup for the whole cluster; its value says why. */
export const CLEANUP_PAUSED = 'cleanup.paused';

/** The next version of a record that is in the store. */
export function nextRecord(record: ClusterRecord, token: bigint, change: Partial<ClusterRecord>): ClusterRecord {
  return { ...record, ...change, token, version: record.version + 1 };
}
