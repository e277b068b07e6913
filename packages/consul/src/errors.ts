import { ClusterError, type ErrorCode, isClusterError } from '@autocluster/core/backend';

/** What a failed request means to us. */
export type Trouble =
  | 'cancelled'
  | 'deadline'
  | 'not-connected'
  | 'tls'
  | 'dropped'
  | 'no-leader'
  | 'store-timeout'
  | 'token'
  | 'forbidden'
  | 'full'
  | 'overloaded'
  | 'refused'
  | 'garbled'
  | 'failed';

interface Meaning {
  readonly code: ErrorCode;
  /** Whether the store may have done what was asked. */
  readonly maybeDone: boolean;
  /** Whether another agent may answer. */
  readonly elsewhere: boolean;
  readonly retryable: boolean;
}

const meaning = (code: ErrorCode, traits: Partial<Omit<Meaning, 'code'>> = {}): Meaning => ({
  code,
  maybeDone: false,
  elsewhere: false,
  retryable: false,
  ...traits,
});

const MEANINGS: Readonly<Record<Trouble, Meaning>> = {
  cancelled: meaning('ABORTED', { maybeDone: true }),
  deadline: meaning('TIMEOUT', { maybeDone: true, elsewhere: true, retryable: true }),
  'not-connected': meaning('STORE_UNREACHABLE', { elsewhere: true, retryable: true }),
  tls: meaning('STORE_TLS', { elsewhere: true }),
  dropped: meaning('STORE_UNREACHABLE', { maybeDone: true, elsewhere: true, retryable: true }),
  'no-leader': meaning('STORE_UNREACHABLE', { elsewhere: true, retryable: true }),
  'store-timeout': meaning('TIMEOUT', { maybeDone: true, elsewhere: true, retryable: true }),
  token: meaning('STORE_UNAUTHENTICATED'),
  forbidden: meaning('STORE_FORBIDDEN'),
  full: meaning('STORE_FULL', { maybeDone: true, retryable: true }),
  overloaded: meaning('STORE_FAILED', { retryable: true }),
  refused: meaning('STORE_FAILED'),
  garbled: meaning('STORE_FAILED', { maybeDone: true, elsewhere: true, retryable: true }),
  failed: meaning('STORE_FAILED', { maybeDone: true, retryable: true }),
};

/** What Node.js says of a request that got no answer. First match wins. */
const CAUSES: readonly (readonly [RegExp, Trouble])[] = [
  [/^(ERR_TLS|ERR_SSL|ERR_OSSL|CERT_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED|HOSTNAME_MISMATCH|EPROTO)/, 'tls'],
  [/^(ECONNREFUSED|ENOTFOUND|EAI_\w+|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN|EADDRNOTAVAIL)$/, 'not-connected'],
  // The agent's socket: missing, not ours, or not a socket.
  [/^(ENOENT|EACCES|EPERM|ENOTSOCK|ENOTDIR)$/, 'not-connected'],
  [/^(ECONNRESET|EPIPE|ETIMEDOUT|ECONNABORTED|HPE_\w+)$/, 'dropped'],
];

/** An agent refuses a certificate of ours only when the connection stands. */
const REFUSED_CERTIFICATE = /CERT|UNKNOWN_CA|ACCESS_DENIED/;

/** `sent`: the connection stood, so that the request may have reached the agent. */
export function troubleOfCause(code: unknown, sent: boolean): Trouble {
  const name = typeof code === 'string' ? code : '';
  const trouble = CAUSES.find(([form]) => form.test(name))?.[1] ?? 'failed';
  const isBroken = trouble === 'not-connected' || (trouble === 'tls' && !REFUSED_CERTIFICATE.test(name));
  return sent && isBroken ? 'dropped' : trouble;
}

/** What Consul writes into an answer that is not a success. Its statuses are too coarse to tell these apart. */
const TEXTS: readonly (readonly [RegExp, Trouble])[] = [
  [/HTTP request to an HTTPS server/, 'tls'],
  [/ACL not found|token does not exist|ACL support disabled|anonymous token/i, 'token'],
  [/Permission denied|lacks permission/i, 'forbidden'],
  [/No cluster leader|leader unknown|node is not the leader|No known Consul servers/i, 'no-leader'],
  [/no space left|disk full/i, 'full'],
  [/rate limit|too many requests/i, 'overloaded'],
  [
    /leadership lost|leadership transfer|shutting down|shutdown|EOF|i\/o timeout|timed out|connection re/i,
    'store-timeout',
  ],
  // What one server says when its connection to another one ends.
  [/broken pipe|stream (closed|reset)|closed network connection|keepalive timeout|no route to host/i, 'store-timeout'],
  [/Invalid Session TTL|Missing node registration|No path to datacenter|too large|exceeds/i, 'refused'],
];

const STATUSES: Readonly<Record<number, Trouble>> = {
  400: 'refused',
  401: 'token',
  403: 'forbidden',
  413: 'refused',
  429: 'overloaded',
  // Without a text of Consul's they come from a proxy before the agent, which may have got the request.
  502: 'dropped',
  503: 'dropped',
  504: 'dropped',
};

export function troubleOfAnswer(status: number, text: string): Trouble {
  return TEXTS.find(([form]) => form.test(text))?.[1] ?? STATUSES[status] ?? 'failed';
}

/** One request to one agent that failed. Never leaves this package: {@link toClusterError} gives it its public name. */
export class CallFailure extends Error {
  override readonly name = 'CallFailure';
  readonly trouble: Trouble;
  readonly agent: string;

  constructor(trouble: Trouble, details: string, agent: string) {
    super(details);
    this.trouble = trouble;
    this.agent = agent;
  }

  get meaning(): Meaning {
    return MEANINGS[this.trouble];
  }
}

export const isTrouble = (error: unknown, ...troubles: readonly Trouble[]): error is CallFailure =>
  error instanceof CallFailure && troubles.includes(error.trouble);

export interface Circumstances {
  readonly operation: string;
  /** What was asked of the store, e.g. `write autocluster/main/state/record`. */
  readonly subject: string;
  /** Whether we have a token. */
  readonly signed: boolean;
  /** Whether the request changes what others see. */
  readonly writes: boolean;
  /** What a person should look at when the connection is not trusted. */
  readonly tlsFiles: string;
}

/** The error of a later step, when an earlier one has been done: then the whole may have been. */
export function afterWrite(error: unknown): unknown {
  if (!isClusterError(error) || error.outcomeUnknown) return error;
  const { code, operation, retryable, details } = error;
  const text = error.message.slice(`${code}: `.length);
  return new ClusterError(code, text, {
    ...(operation === undefined ? {} : { operation }),
    retryable,
    details,
    outcomeUnknown: true,
    cause: error,
  });
}

const explained = (failure: CallFailure, { subject, signed, tlsFiles }: Circumstances): string => {
  const { trouble, agent, message } = failure;
  const who = signed ? 'the token' : 'a caller without a token';
  if (trouble === 'forbidden') return `${who} may not ${subject} (${agent}: ${message})`;
  if (trouble === 'tls') return `no trusted connection to ${agent}: ${message}; look at ${tlsFiles}`;
  if (trouble === 'token') return `${agent} refused ${who}: ${message}`;
  if (trouble === 'full') return `${agent} has no room to ${subject}: ${message}`;
  return `${subject}: ${agent}: ${message}`;
};

export function toClusterError(failure: CallFailure, circumstances: Circumstances): ClusterError {
  const { code, maybeDone, retryable } = failure.meaning;
  return new ClusterError(code, explained(failure, circumstances), {
    operation: circumstances.operation,
    retryable,
    outcomeUnknown: maybeDone && circumstances.writes,
    cause: failure,
    details: { agent: failure.agent, subject: circumstances.subject },
  });
}
