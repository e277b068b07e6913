import { ClusterError, type ErrorCode, isClusterError } from '@autocluster/core/driver';

export interface FailureFacts {
  readonly operation: string;
  readonly retryable?: boolean;
  readonly cause?: unknown;
}

const failed = (code: ErrorCode, text: string, facts: FailureFacts) => new ClusterError(code, text, facts);

/** The broker, or a command of RabbitMQ, did not do what it was asked to. */
export const brokerError = (text: string, facts: FailureFacts): ClusterError => failed('DRIVER_FAILED', text, facts);

export const mismatchError = (text: string, facts: FailureFacts): ClusterError =>
  failed('CLUSTER_MISMATCH', text, { retryable: false, ...facts });

export const localDataError = (text: string, facts: FailureFacts): ClusterError =>
  failed('LOCAL_DATA', text, { retryable: false, ...facts });

/** The signal's own error where it has one, else `ABORTED`. */
export function abortError(signal: AbortSignal, operation: string): ClusterError {
  if (isClusterError(signal.reason)) return signal.reason;
  return new ClusterError('ABORTED', `${operation} was aborted`, { operation, cause: signal.reason });
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
