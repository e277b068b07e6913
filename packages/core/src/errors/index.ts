export { ERROR_CODES, type ErrorCode } from './code.js';
export { ClusterError, type ClusterErrorOptions, isClusterError } from './error.js';
export {
  type InvalidOption,
  invalidRange,
  invalidType,
  type NumberLimits,
  requireKnown,
  requireOneOf,
  requirePem,
  requireText,
  requireWhole,
  signalProblem,
} from './option.js';
export { textOf } from './text.js';
