import { ClusterError, type ErrorCode, isClusterError } from '@autocluster/core/backend';

/** What a failed call means to us. */
export type Trouble =
  | 'cancelled'
  | 'deadline'
  | 'not-connected'
  | 'tls'
  | 'dropped'
  | 'no-leader'
  | 'store-timeout'
  | 'token'
  | 'credentials'
  | 'auth-disabled'
  | 'forbidden'
  | 'full'
  | 'overloaded'
  | 'too-large'
  | 'lease-gone'
  | 'compacted'
  | 'failed';

interface Meaning {
  readonly code: ErrorCode;
  /** Whether the store may have done what was asked. */
  readonly maybeDone: boolean;
  /** Whether another endpoint may answer. */
  readonly elsewhere: boolean;
  /** Whether the connection is of no more use. */
  readonly reconnect: boolean;
  readonly retryable: boolean;
}

const meaning = (code: ErrorCode, traits: Partial<Omit<Meaning, 'code'>> = {}): Meaning => ({
  code,
  maybeDone: false,
  elsewhere: false,
  reconnect: false,
  retryable: false,
  ...traits,
});

const MEANINGS: Readonly<Record<Trouble, Meaning>> = {
  cancelled: meaning('ABORTED', { maybeDone: true }),
  deadline: meaning('TIMEOUT', { maybeDone: true, reconnect: true, retryable: true }),
  'not-connected': meaning('STORE_UNREACHABLE', { elsewhere: true, reconnect: true, retryable: true }),
  tls: meaning('STORE_TLS', { elsewhere: true, reconnect: true }),
  dropped: meaning('STORE_UNREACHABLE', { maybeDone: true, elsewhere: true, reconnect: true, retryable: true }),
  'no-leader': meaning('STORE_UNREACHABLE', { elsewhere: true, retryable: true }),
  'store-timeout': meaning('TIMEOUT', { maybeDone: true, elsewhere: true, retryable: true }),
  token: meaning('STORE_UNAUTHENTICATED'),
  credentials: meaning('STORE_UNAUTHENTICATED'),
  'auth-disabled': meaning('STORE_FAILED'),
  forbidden: meaning('STORE_FORBIDDEN'),
  // Where the last room is contended for, etcd answers this to writes that it has carried out.
  full: meaning('STORE_FULL', { maybeDone: true, retryable: true }),
  overloaded: meaning('STORE_FAILED', { retryable: true }),
  'too-large': meaning('STORE_FAILED'),
  'lease-gone': meaning('STORE_FAILED', { retryable: true }),
  compacted: meaning('STORE_FAILED', { retryable: true }),
  failed: meaning('STORE_FAILED', { maybeDone: true, retryable: true }),
};

/** First match wins. gRPC's codes are too coarse to tell these apart; etcd's texts are part of its interface. */
const TEXTS: readonly (readonly [RegExp, Trouble])[] = [
  // So gRPC calls the end of a connection that had carried the request. etcd refuses a certificate of ours only then.
  [/triggered by internal client error: (?!.*(?:certificate|unknown ca|access denied))/i, 'dropped'],
  [
    /certificate|altnames|self.signed|\bSSL\b|\bTLS\b|tlsv1|sslv3|ssl3|EPROTO|ERR_SSL|ERR_TLS|wrong version number|ERR_OSSL/i,
    'tls',
  ],
  [
    /No connection established|Channel closed before call started|Name resolution failed|Waiting for LB pick|waiting for name resolution|Failed to connect/i,
    'not-connected',
  ],
  [/etcdserver: no leader|rpc not supported for learner|not capable|etcdserver: stopped/, 'no-leader'],
  [/etcdserver: (request timed out|leader changed)|node is not ready|etcdserver: server stopped/i, 'store-timeout'],
  [/invalid auth token|auth store is old|user name is empty/, 'token'],
  [/authentication failed|user name not found|no password user/, 'credentials'],
  [/authentication is not enabled/, 'auth-disabled'],
  [/permission denied/i, 'forbidden'],
  [/database space exceeded|no space left/i, 'full'],
  [/too many requests/, 'overloaded'],
  [/message larger than max|request is too large/i, 'too-large'],
  [/requested lease not found/, 'lease-gone'],
  [/has been compacted/, 'compacted'],
];

const CODES: Readonly<Record<number, Trouble>> = {
  1: 'cancelled',
  4: 'deadline',
  7: 'forbidden',
  14: 'dropped',
  16: 'token',
};

export function troubleOf(grpcCode: number, details: string): Trouble {
  // An abort of ours carries no text of the store's.
  if (grpcCode === 1) return 'cancelled';
  return TEXTS.find(([text]) => text.test(details))?.[1] ?? CODES[grpcCode] ?? 'failed';
}

/** One call to one endpoint that failed. Never leaves this package: {@link toClusterError} gives it its public name. */
export class CallFailure extends Error {
  override readonly name = 'CallFailure';
  readonly trouble: Trouble;
  readonly endpoint: string;
  readonly #asked: boolean;

  /** `asked`: false when it failed before the store was asked for what matters. */
  constructor(trouble: Trouble, details: string, endpoint: string, asked = true) {
    super(details);
    this.trouble = trouble;
    this.endpoint = endpoint;
    this.#asked = asked;
  }

  get meaning(): Meaning {
    const usual = MEANINGS[this.trouble];
    return { ...usual, maybeDone: usual.maybeDone && this.#asked };
  }

  /** The same failure, of a call that only prepares another one. */
  beforehand(): CallFailure {
    return new CallFailure(this.trouble, this.message, this.endpoint, false);
  }
}

export const isTrouble = (error: unknown, ...troubles: readonly Trouble[]): error is CallFailure =>
  error instanceof CallFailure && troubles.includes(error.trouble);

export interface Circumstances {
  readonly operation: string;
  /** What was asked of the store, e.g. `write /autocluster/main/record`. */
  readonly subject: string;
  readonly user: string | undefined;
  /** Whether the verb may have taken effect all the same. */
  readonly outcomeUnknown: boolean;
  /** What a person should look at when the connection is not trusted. */
  readonly tlsFiles: string;
}

const explained = (failure: CallFailure, { subject, user, tlsFiles }: Circumstances): string => {
  const { trouble, endpoint, message } = failure;
  const who = user === undefined ? 'the caller' : `user ${JSON.stringify(user)}`;
  if (trouble === 'forbidden') return `${who} may not ${subject} (${endpoint}: ${message})`;
  if (trouble === 'tls') return `no trusted connection to ${endpoint}: ${message}; look at ${tlsFiles}`;
  if (trouble === 'token' && user === undefined) return `${endpoint} wants a user and password (${message})`;
  if (trouble === 'token' || trouble === 'credentials') return `${endpoint} refused ${who}: ${message}`;
  if (trouble === 'full') return `${endpoint} has no room to ${subject}: ${message}`;
  return `${subject}: ${endpoint}: ${message}`;
};

export function toClusterError(failure: CallFailure, circumstances: Circumstances): ClusterError {
  const { code, retryable } = failure.meaning;
  return new ClusterError(code, explained(failure, circumstances), {
    operation: circumstances.operation,
    retryable,
    outcomeUnknown: circumstances.outcomeUnknown,
    cause: failure,
    details: { endpoint: failure.endpoint, subject: circumstances.subject },
  });
}

/** The same failure, of an exchange that may have changed the store all the same. */
export function withUnknownOutcome(error: unknown): unknown {
  if (!isClusterError(error) || error.outcomeUnknown) return error;
  const { code, message, operation, retryable, details, cause } = error;
  const text = message.slice(`${code}: `.length);
  const known = { retryable, details, cause, ...(operation === undefined ? {} : { operation }) };
  return new ClusterError(code, text, { ...known, outcomeUnknown: true });
}
