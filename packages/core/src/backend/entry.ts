import { ClusterError } from '../errors/index.js';
import type { ClusterIdentity, Member } from './member.js';
import { nameProblem } from './name.js';
import { isCount, isObject, isText, isTextMap } from './shape.js';

/** What a registration's value says in a store that keeps text under a key. The node is in the key as well. */
export interface Entry extends Omit<Member, 'order'> {
  readonly ttlMs: number | undefined;
}

export type DecodedEntry =
  | { readonly kind: 'entry'; readonly entry: Entry }
  | { readonly kind: 'unreadable'; readonly reason: string };

export const MAX_ENTRY_BYTES = 64 * 1024;
/** What a store's own layout may add to the text. */
const LAYOUT_BYTES = 256;

/**
 * A registration's value as JSON text, for stores that keep text under a key. Throws `UNSUPPORTED` when it is so long that
 * {@link decodeEntry} would refuse it: an entry must not be written that no list shows.
 */
export function encodeEntry(entry: Entry): string {
  const { identity, recordVersion, ttlMs, ...fields } = entry;
  const text = JSON.stringify({ format: 1, ...fields, identity, recordVersion, ttlMs });
  const most = MAX_ENTRY_BYTES - LAYOUT_BYTES;
  if (text.length <= most) return text;
  const problem = `the entry of ${entry.node} has ${text.length} characters, ${most} is the most: shorten its metadata`;
  throw new ClusterError('UNSUPPORTED', problem, { operation: 'register', outcomeUnknown: false });
}

const isName = (value: unknown): value is string => typeof value === 'string' && nameProblem(value) === undefined;

function isIdentity(value: unknown): value is ClusterIdentity {
  return isObject(value) && isText(value['clusterId']) && isCount(value['generation']);
}

/** Reads a registration's value. Foreign or damaged values are `unreadable` with a reason, never a throw. */
export function decodeEntry(text: string): DecodedEntry {
  const unreadable = (reason: string): DecodedEntry => ({ kind: 'unreadable', reason });
  if (text.length > MAX_ENTRY_BYTES) return unreadable(`longer than ${MAX_ENTRY_BYTES} characters`);
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch {
    return unreadable('not JSON');
  }
  if (!isObject(fields)) return unreadable('not a JSON object');
  const { format, node, instance, state, identity, recordVersion, metadata, ttlMs } = fields;
  if (format !== 1) return unreadable(`format ${JSON.stringify(format)} is not 1`);
  if (!isName(node)) return unreadable('node is not a name');
  if (!isName(instance)) return unreadable('instance is not a name');
  if (state !== 'joining' && state !== 'ready') return unreadable('state is neither joining nor ready');
  if (identity !== undefined && !isIdentity(identity)) return unreadable('identity is not one');
  if (recordVersion !== undefined && !isCount(recordVersion)) return unreadable('recordVersion is not a count');
  if (!isTextMap(metadata)) return unreadable('metadata is not an object of texts');
  if (ttlMs !== undefined && !isCount(ttlMs)) return unreadable('ttlMs is not a count');
  const cluster = identity && { clusterId: identity.clusterId, generation: identity.generation };
  return { kind: 'entry', entry: { node, instance, state, identity: cluster, recordVersion, metadata, ttlMs } };
}
