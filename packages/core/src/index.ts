export { type Backend, type ClusterIdentity, type ClusterRecord, type Member, type NodeId } from './backend/index.js';
export { ClusterError, ERROR_CODES, type ErrorCode, type InvalidOption, isClusterError } from './errors/index.js';
