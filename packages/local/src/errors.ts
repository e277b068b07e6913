import { statfsSync } from 'node:fs';
import { constants } from 'node:os';
import { ClusterError, type ErrorCode, isClusterError } from '@autocluster/core/backend';

const { EACCES, EPERM, EROFS, ENOSPC, EDQUOT, EFBIG, EIO, ENOTDIR, EISDIR } = constants.errno;
const FORBIDDEN: ReadonlySet<unknown> = new Set(['EACCES', 'EPERM', 'EROFS', EACCES, EPERM, EROFS]);
const MAP_FULL = -30_792;
const FULL: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG', ENOSPC, EDQUOT, EFBIG, MAP_FULL]);
/** Not a folder, not a store, a damaged store, the store of another LMDB: trying again changes nothing. */
const USELESS: ReadonlySet<unknown> = new Set([
  'ENOTDIR',
  'EEXIST',
  'EISDIR',
  ENOTDIR,
  EISDIR,
  -30_793,
  -30_794,
  -30_796,
  -30_797,
]);

const codeOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const FULL_BELOW_BYTES = 65_536;

/** A write that was cut short for want of room looks to LMDB like one that a broken disk cut short. */
function isCutShort(code: unknown, folder: string): boolean {
  if (code !== EIO) return false;
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize < FULL_BELOW_BYTES;
  } catch {
    return false;
  }
}

export interface Failure {
  readonly operation: string;
  readonly folder: string;
  /** Whether what failed may have been written. Default: false. */
  readonly outcomeUnknown?: boolean;
}

/** What a failure of the file system or of LMDB means for the caller. */
export function storeError(error: unknown, { operation, folder, outcomeUnknown = false }: Failure): ClusterError {
  if (isClusterError(error)) return error;
  const code = codeOf(error);
  const failed = (name: ErrorCode, text: string, retryable?: boolean) =>
    new ClusterError(name, text, {
      operation,
      outcomeUnknown: outcomeUnknown && name === 'STORE_FAILED',
      cause: error,
      details: { folder },
      ...(retryable === undefined ? {} : { retryable }),
    });
  if (FORBIDDEN.has(code)) {
    return failed('STORE_FORBIDDEN', `no permission to read and write the folder ${folder} (${textOf(error)})`);
  }
  if (FULL.has(code) || isCutShort(code, folder))
    return failed('STORE_FULL', `no room to write in ${folder} (${textOf(error)})`);
  const useless = USELESS.has(code);
  return failed('STORE_FAILED', `the store in ${folder} failed (${textOf(error)})`, useless ? false : undefined);
}

/** The signal's own error where it has one, else `ABORTED`. */
export function abortError(signal: AbortSignal, operation: string, outcomeUnknown: boolean): ClusterError {
  if (isClusterError(signal.reason)) return signal.reason;
  return new ClusterError('ABORTED', `${operation} was aborted`, { operation, outcomeUnknown, cause: signal.reason });
}

export function closedError(operation: string, outcomeUnknown: boolean): ClusterError {
  return new ClusterError('CLOSED', 'the store was closed', { operation, outcomeUnknown });
}

/** Other processes have had their turn for longer than a turn takes; `marks` tells which. */
export function heldUp(folder: string, marks: readonly string[], operation?: string): ClusterError {
  const ids = marks.map((mark) => mark.split('-')[0]).join(', ');
  const text = `the store in ${folder} was in use by other processes for too long, now by ${ids || 'none'}; one may be stopped`;
  return new ClusterError(operation === undefined ? 'STORE_UNREACHABLE' : 'TIMEOUT', text, {
    outcomeUnknown: false,
    details: { folder, held: marks },
    ...(operation === undefined ? {} : { operation }),
  });
}
