/** Everything that the author of a store needs: the interface, its values, and the errors to throw. */
export {
  ClusterError,
  type ClusterErrorOptions,
  type ErrorCode,
  type InvalidOption,
  invalidRange,
  invalidType,
  isClusterError,
  type NumberLimits,
  requireKnown,
  requireOneOf,
  requirePem,
  requireText,
  requireWhole,
} from '../errors/index.js';
export {
  type Backend,
  type CallOptions,
  CLEANUP_LOCK,
  type Clock,
  FORMATION_LOCK,
  type LockGrant,
  type LockOutcome,
  type LockRequest,
  type MemberList,
  type RegisterOutcome,
  type RegisterRequest,
  type UnlockOptions,
  type UnlockOutcome,
} from './backend.js';
export type { Bound, Capabilities } from './capabilities.js';
export { type ClusterRecord, decodeRecord, encodeRecord, type StoredRecord } from './cluster-record.js';
export { type DecodedEntry, decodeEntry, type Entry, encodeEntry, MAX_ENTRY_BYTES } from './entry.js';
export {
  type ClusterIdentity,
  type InstanceId,
  type Member,
  type NodeId,
  type Registration,
  sameIdentity,
} from './member.js';
export { nameProblem, requireName, requirePrefix } from './name.js';
export { compareNodes } from './node-order.js';
