/** Everything that the author of a driver needs: the interface, its values, and the errors to throw. */
export {
  type CallOptions,
  type Clock,
  ClusterError,
  type ClusterIdentity,
  type ClusterRecord,
  compareNodes,
  decodeRecord,
  encodeRecord,
  type ErrorCode,
  type InstanceId,
  invalidRange,
  invalidType,
  isClusterError,
  type Member,
  type MemberList,
  type NodeId,
  requireKnown,
  requireName,
  requireOneOf,
  requireText,
  requireWhole,
  sameIdentity,
} from '../backend/index.js';
export type { ClusterDriver, CreateRequest, DriverCall, ForgetRequest, JoinRequest } from './driver.js';
export type { LocalIdentity, Membership, NodeHealth } from './membership.js';
