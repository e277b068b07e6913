import { ClusterError, type ErrorCode } from '@autocluster/core/backend';

/** What a failed call means to us. */
export type Trouble =
  | 'cancelled'
  | 'deadline'
  | 'not-connected'
  | 'tls'
  | 'dropped'
  | 'token'
  | 'credentials'
  | 'forbidden'
  | 'missing'
  | 'conflict'
  | 'gone'
  | 'overloaded'
  | 'server-timeout'
  | 'unavailable'
  | 'full'
  | 'quota'
  | 'refused'
  | 'failed';

interface Meaning {
  readonly code: ErrorCode;
  /** Whether the store may have done what was asked. */
  readonly maybeDone: boolean;
  readonly retryable: boolean;
}

const meaning = (code: ErrorCode, traits: Partial<Omit<Meaning, 'code'>> = {}): Meaning => ({
  code,
  maybeDone: false,
  retryable: false,
  ...traits,
});

const MEANINGS: Readonly<Record<Trouble, Meaning>> = {
  cancelled: meaning('ABORTED', { maybeDone: true }),
  deadline: meaning('TIMEOUT', { maybeDone: true, retryable: true }),
  'not-connected': meaning('STORE_UNREACHABLE', { retryable: true }),
  tls: meaning('STORE_TLS'),
  dropped: meaning('STORE_UNREACHABLE', { maybeDone: true, retryable: true }),
  token: meaning('STORE_UNAUTHENTICATED'),
  credentials: meaning('STORE_UNAUTHENTICATED'),
  forbidden: meaning('STORE_FORBIDDEN'),
  missing: meaning('STORE_FAILED', { retryable: true }),
  conflict: meaning('STORE_FAILED', { retryable: true }),
  gone: meaning('STORE_FAILED', { retryable: true }),
  overloaded: meaning('STORE_FAILED', { retryable: true }),
  'server-timeout': meaning('TIMEOUT', { maybeDone: true, retryable: true }),
  unavailable: meaning('STORE_UNREACHABLE', { maybeDone: true, retryable: true }),
  // Where the last room is contended for, etcd answers this to writes that it has carried out.
  full: meaning('STORE_FULL', { maybeDone: true, retryable: true }),
  quota: meaning('STORE_FULL', { retryable: true }),
  refused: meaning('STORE_FAILED'),
  failed: meaning('STORE_FAILED', { maybeDone: true, retryable: true }),
};

const TLS_CODE = /^(ERR_(SSL|TLS|OSSL)|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|EPROTO|HOSTNAME_MISMATCH|INVALID_CA)/;
const TLS_TEXT = /certificate|altnames|self.signed|wrong version number|\bSSL\b|\btlsv1\b/i;
/** A server refuses a certificate of ours only when the connection stands. */
const CERTIFICATE = /cert|unknown.ca|access.denied/i;

/** Names a failure below HTTP. `sent`: the request may have reached the server. */
export function troubleOfSocket(error: unknown, sent: boolean): Trouble {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const text = error instanceof Error ? error.message : String(error);
  // Node tries all addresses of a name, and reports them together.
  const all = error instanceof AggregateError ? error.errors.map((each) => troubleOfSocket(each, sent)) : [];
  if (all.length > 0) return all.includes('tls') ? 'tls' : (all[0] ?? 'not-connected');
  const isTls = TLS_CODE.test(code) || TLS_TEXT.test(text);
  if (isTls && (!sent || CERTIFICATE.test(`${code} ${text}`))) return 'tls';
  return sent ? 'dropped' : 'not-connected';
}

const STATUSES: Readonly<Record<number, Trouble>> = {
  400: 'refused',
  401: 'token',
  403: 'forbidden',
  404: 'missing',
  405: 'refused',
  409: 'conflict',
  410: 'gone',
  413: 'refused',
  415: 'refused',
  422: 'refused',
  429: 'overloaded',
  502: 'unavailable',
  503: 'unavailable',
  504: 'server-timeout',
};

/** Names a reply of the API server, or of whatever answers in its place. */
export function troubleOfStatus(status: number, text: string): Trouble {
  if (/database space exceeded|no space left/i.test(text)) return 'full';
  // It has the status of a missing permission, but none that could be granted: it passes when there is room again.
  if (status === 403 && /is forbidden: exceeded quota:/.test(text)) return 'quota';
  if (status === 500 && /etcdserver: (request timed out|leader changed)|context deadline exceeded/.test(text)) {
    return 'server-timeout';
  }
  return STATUSES[status] ?? 'failed';
}

/** One call that failed. Never leaves this package: {@link toClusterError} gives it its public name. */
export class CallFailure extends Error {
  override readonly name = 'CallFailure';
  readonly trouble: Trouble;
  /** What the server asks to wait before the next call, in ms. */
  readonly retryAfterMs: number | undefined;

  constructor(
    trouble: Trouble,
    details: string,
    more: { readonly cause?: unknown; readonly retryAfterMs?: number } = {},
  ) {
    super(details, more.cause === undefined ? undefined : { cause: more.cause });
    this.trouble = trouble;
    this.retryAfterMs = more.retryAfterMs;
  }

  get meaning(): Meaning {
    return MEANINGS[this.trouble];
  }
}

export const isTrouble = (error: unknown, ...troubles: readonly Trouble[]): error is CallFailure =>
  error instanceof CallFailure && troubles.includes(error.trouble);

/** Whether a named failure means that the server does not know that version any more. */
export const isGone = (error: unknown): boolean => error instanceof Error && isTrouble(error.cause, 'gone');

export interface Circumstances {
  readonly operation: string;
  /** What was asked of the store, e.g. `update leases.coordination.k8s.io "a" in namespace "b"`. */
  readonly subject: string;
  /** Where it was asked. */
  readonly server: string;
  /** Whether the call changes what others see. */
  readonly writes: boolean;
  /** What a person should look at when the connection is not trusted. */
  readonly tlsFiles: string;
  /** What a person should look at when the credentials are refused. */
  readonly credentials: string;
}

function explained(
  { trouble, message }: CallFailure,
  { subject, server, tlsFiles, credentials }: Circumstances,
): string {
  if (trouble === 'forbidden') return `we may not ${subject} (${server}: ${message})`;
  if (trouble === 'tls') return `no trusted connection to ${server}: ${message}; look at ${tlsFiles}`;
  if (trouble === 'token') return `${server} refused the credentials: ${message}; look at ${credentials}`;
  if (trouble === 'credentials') return message;
  if (trouble === 'full' || trouble === 'quota') return `${server} has no room to ${subject}: ${message}`;
  return `${subject}: ${server}: ${message}`;
}

export function toClusterError(failure: CallFailure, circumstances: Circumstances): ClusterError {
  const { code, maybeDone, retryable } = failure.meaning;
  const { operation, subject, server, writes } = circumstances;
  const { retryAfterMs } = failure;
  return new ClusterError(code, explained(failure, circumstances), {
    operation,
    retryable,
    outcomeUnknown: maybeDone && writes,
    cause: failure,
    details: { server, subject, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) },
  });
}
