import { ClusterError, type ErrorCode, isClusterError, textOf } from '../errors/index.js';

/**
 * Whatever foreign code threw, as an error of this library. Errors that already are one pass, also those of another copy
 * of the package.
 */
export function fromForeign(thrown: unknown, operation: string, fallback: ErrorCode): ClusterError {
  if (isClusterError(thrown)) return thrown;
  const options = { operation, retryable: true, outcomeUnknown: true, cause: thrown };
  return new ClusterError(fallback, `${operation} failed: ${textOf(thrown)}`, options);
}

/**
 * Why a call ended at its signal: an error of ours keeps its code, anything else is the cause of `ABORTED`. The reason of
 * an abort knows nothing about the call, hence not whether it took effect.
 */
export function fromAbort(reason: unknown, operation: string, outcomeUnknown: boolean): ClusterError {
  if (!isClusterError(reason)) {
    return new ClusterError('ABORTED', `${operation} was aborted`, { operation, outcomeUnknown, cause: reason });
  }
  if (!outcomeUnknown || reason.outcomeUnknown) return reason;
  const { code, message, retryable, details } = reason;
  const text = message.startsWith(`${code}: `) ? message.slice(code.length + 2) : message;
  return new ClusterError(code, text, { operation, retryable, outcomeUnknown, details, cause: reason });
}

/** An answer that the interface does not allow: names who, which verb and which field. */
export function contractError(who: string, operation: string, problem: string): ClusterError {
  const options = { operation, retryable: false, outcomeUnknown: true, details: { who } };
  return new ClusterError('BACKEND_CONTRACT', `${who}.${operation}: ${problem}`, options);
}
