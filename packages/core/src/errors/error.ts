import { ERROR_CODES, type ErrorCode } from './code.js';

export interface ClusterErrorOptions {
  /** The verb or setting that failed, e.g. `lock`. */
  readonly operation?: string;
  /** Whether the same call may succeed later without a change of configuration. Default: decided by the code. */
  readonly retryable?: boolean;
  /** Whether the call may have taken effect all the same. Default: decided by the code. */
  readonly outcomeUnknown?: boolean;
  readonly cause?: unknown;
  /** Facts for people and logs. Never a secret. */
  readonly details?: Readonly<Record<string, unknown>>;
}

const RETRYABLE: ReadonlySet<ErrorCode> = new Set([
  'TIMEOUT',
  'STORE_UNREACHABLE',
  'STORE_FULL',
  'STORE_FAILED',
  'NAME_HELD',
  'LOCK_NOT_ACQUIRED',
  'LOCK_UNVERIFIED',
  'DRIVER_FAILED',
  'PLAN_OUTDATED',
]);
const OUTCOME_UNKNOWN: ReadonlySet<ErrorCode> = new Set(['TIMEOUT', 'STORE_FAILED', 'ABORTED']);

/** The one error class of the library. Tell errors apart by {@link isClusterError} and `code`, never by `instanceof`. */
export class ClusterError extends Error {
  override readonly name = 'ClusterError';
  readonly code: ErrorCode;
  readonly operation: string | undefined;
  readonly retryable: boolean;
  readonly outcomeUnknown: boolean;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, text: string, options: ClusterErrorOptions = {}) {
    super(`${code}: ${text}`, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.operation = options.operation;
    this.retryable = options.retryable ?? RETRYABLE.has(code);
    this.outcomeUnknown = options.outcomeUnknown ?? OUTCOME_UNKNOWN.has(code);
    this.details = options.details ?? {};
  }
}

const KNOWN_CODES: ReadonlySet<string> = new Set(ERROR_CODES);

/**
 * Whether a thrown value is an error of this library, and of the given code if one is named. Recognises errors by
 * their shape, so that it also works across two copies of the package.
 */
export function isClusterError(error: unknown, code?: ErrorCode): error is ClusterError {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return false;
  if (!KNOWN_CODES.has(error.code) || !('retryable' in error) || !('outcomeUnknown' in error)) return false;
  return code === undefined || error.code === code;
}
