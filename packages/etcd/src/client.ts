import { type CallOptions, isClusterError } from '@autocluster/core/backend';
import pRetry from 'p-retry';
import type { EtcdConfig, EtcdCredentials } from './config.js';
import { type Connect, Endpoints } from './endpoints.js';
import { CallFailure, isTrouble, toClusterError } from './errors.js';
import { closedError, Exchange } from './exchange.js';
import { describeTls } from './tls.js';
import type {
  Call,
  EtcdTransport,
  KeyRange,
  Lease,
  Step,
  Transaction,
  TransactionReply,
  WatchReply,
} from './transport.js';

/** How long tidying up after an exchange may take; {@link EtcdClient.close} waits for it. */
const TIDY_MS = 900;
const RETRIED = ['not-connected', 'dropped', 'no-leader', 'store-timeout', 'overloaded', 'compacted'] as const;

type Request<T> = (transport: EtcdTransport, call: Call) => Promise<T>;

interface Purpose<T> {
  /** Completes «may not …». */
  readonly subject: string;
  /** Whether, by this answer, it did what others see; absent for what never does, so that a lost answer leaves no question. */
  readonly changed?: (answer: T) => boolean;
  /** Whether it may be asked again after a lost answer. */
  readonly repeatable: boolean;
}

const maybeDone = (error: unknown): boolean => error instanceof CallFailure && error.meaning.maybeDone;

/** What the user's function throws or answers instead of a text may hold a secret, so nothing of it is shown. */
function passwordOf({ password }: EtcdCredentials): string {
  let given: unknown;
  try {
    given = password();
  } catch {
    throw new CallFailure('credentials', 'the password option, a function, has thrown', 'etcd');
  }
  if (typeof given === 'string' && given !== '') return given;
  throw new CallFailure('credentials', 'the password option, a function, did not return a text', 'etcd');
}

/** The calls of one backend: chooses the endpoint, signs, bounds, repeats what may be repeated, and names failures. */
export class EtcdClient {
  readonly #config: EtcdConfig;
  readonly #endpoints: Endpoints;
  readonly #open = new Set<Exchange>();
  readonly #tidying = new Set<Promise<void>>();
  /** What the last authentication answered; an empty token when etcd wants none. */
  #token: string | undefined;
  #closed = false;

  constructor(config: EtcdConfig, connect: Connect) {
    this.#config = config;
    this.#endpoints = new Endpoints(config, connect);
  }

  /** Runs one verb. */
  async exchange<T>(operation: string, options: CallOptions, run: (exchange: Exchange) => Promise<T>): Promise<T> {
    if (this.#closed) throw closedError(operation);
    const exchange = new Exchange(operation, options);
    this.#open.add(exchange);
    try {
      return await run(exchange);
    } finally {
      this.#open.delete(exchange);
      exchange.end();
    }
  }

  transact(exchange: Exchange, subject: string, transaction: Transaction): Promise<TransactionReply> {
    const { act, otherwise = [] } = transaction;
    const write = (steps: readonly Step[]): boolean => steps.some(({ kind }) => kind !== 'get');
    const [acts, yields] = [write(act), write(otherwise)];
    const changed = ({ succeeded }: TransactionReply): boolean => (succeeded ? acts : yields);
    const purpose =
      acts || yields
        ? { subject: `write ${subject}`, changed, repeatable: false }
        : { subject: `read ${subject}`, repeatable: true };
    return this.#ask(exchange, purpose, (transport, call) => transport.transact(transaction, call));
  }

  /** A lease without keys: when its answer is lost, it lapses without anybody noticing. */
  grantLease(exchange: Exchange, ttlMs: number): Promise<Lease> {
    const purpose = { subject: 'grant a lease', repeatable: false };
    return this.#ask(exchange, purpose, (transport, call) => transport.grantLease(Math.ceil(ttlMs / 1000), call));
  }

  /** The lease's TTL from now on, in seconds; 0 when it is gone. */
  extendLease(exchange: Exchange, id: bigint): Promise<number> {
    const purpose = { subject: 'extend a lease', changed: (ttl: number) => ttl > 0, repeatable: false };
    return this.#ask(exchange, purpose, (transport, call) => transport.extendLease(id, call));
  }

  /** Ends a lease and its keys. One that is gone already counts as revoked. */
  async revokeLease(exchange: Exchange, id: bigint): Promise<void> {
    const purpose = { subject: 'revoke a lease', changed: () => true, repeatable: false };
    await this.#ask(exchange, purpose, async (transport, call) => {
      await transport.revokeLease(id, call).catch((error: unknown) => {
        if (!isTrouble(error, 'lease-gone')) throw error;
      });
    });
  }

  /** Revokes a lease that is of no more use. Never rejects: what cannot be revoked lapses. */
  async discardLease(exchange: Exchange, id: bigint): Promise<void> {
    const tidying = exchange.tidying(TIDY_MS);
    const work = this.revokeLease(tidying, id).catch(() => undefined);
    this.#tidying.add(work);
    await work;
    this.#tidying.delete(work);
    tidying.end();
  }

  /** Watches from a revision on; resolves when the exchange is aborted, rejects at any break. */
  watch(
    exchange: Exchange,
    subject: string,
    ranges: readonly KeyRange[],
    from: bigint | undefined,
    seen: (reply: WatchReply) => void,
  ): Promise<void> {
    const purpose = { subject: `watch ${subject}`, repeatable: false };
    return this.#ask(exchange, purpose, (transport, call) =>
      transport.watch(ranges, from, { ...call, timeoutMs: undefined }, seen),
    );
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const exchange of this.#open) exchange.abort(closedError(exchange.operation));
    await Promise.all(this.#tidying);
    this.#endpoints.close();
  }

  async #ask<T>(exchange: Exchange, purpose: Purpose<T>, request: Request<T>): Promise<T> {
    const { changed } = purpose;
    try {
      const answer = this.#asOften(exchange, purpose, request);
      return await (changed ? exchange.following(answer, changed, maybeDone) : answer);
    } catch (error) {
      // What else was sent decides as well whether anything may have happened.
      await exchange.changes();
      throw this.#named(error, exchange, purpose);
    }
  }

  /** Once, or as often as the store's troubles and the time allow. */
  async #asOften<T>(exchange: Exchange, purpose: Purpose<T>, request: Request<T>): Promise<T> {
    if (!purpose.repeatable) return this.#failover(exchange, purpose, request);
    return pRetry(() => this.#failover(exchange, purpose, request), {
      retries: 2,
      minTimeout: 50,
      factor: 3,
      maxTimeout: 500,
      randomize: true,
      // A repeat needs time for its answer: a known failure must not become a timeout.
      maxRetryTime: exchange.remainingMs() / 2,
      signal: exchange.signal,
      shouldRetry: ({ error }) => isTrouble(error, ...RETRIED),
    });
  }

  /** Asks a second time, another endpoint if there is one, when that cannot do anything twice. */
  async #failover<T>(exchange: Exchange, { repeatable }: Purpose<T>, request: Request<T>): Promise<T> {
    // A member that hangs must leave time to ask another one.
    const share = repeatable && this.#config.hosts.length > 1 ? 2 : 1;
    try {
      return await this.#attempt(exchange, exchange.remainingMs() / share, request);
    } catch (error) {
      if (!(error instanceof CallFailure) || exchange.signal.aborted || exchange.remainingMs() === 0) throw error;
      const { elsewhere, maybeDone } = error.meaning;
      const another = elsewhere || (error.trouble === 'deadline' && share > 1);
      if (!another || (maybeDone && !repeatable)) throw error;
    }
    return this.#attempt(exchange, exchange.remainingMs(), request);
  }

  async #attempt<T>(exchange: Exchange, timeoutMs: number, request: Request<T>): Promise<T> {
    exchange.assertOngoing();
    const call = { signal: exchange.signal, timeoutMs, token: undefined };
    const transport = await exchange.unlessAborted(this.#endpoints.reachable(call));
    try {
      return await this.#signed(transport, call, request);
    } catch (error) {
      const hung = exchange.signal.aborted && isClusterError(exchange.signal.reason, 'TIMEOUT');
      const useless = error instanceof CallFailure && (error.meaning.elsewhere || error.meaning.reconnect);
      if (hung || useless) this.#endpoints.leave(transport);
      throw error;
    }
  }

  /** Authenticates before the first call, and once more when etcd no longer knows the token. */
  async #signed<T>(transport: EtcdTransport, call: Call, request: Request<T>): Promise<T> {
    const token = (this.#token ??= await this.#authenticate(transport, call));
    try {
      return await request(transport, { ...call, token: token || undefined });
    } catch (error) {
      if (!isTrouble(error, 'token') || this.#config.credentials === undefined) throw error;
      if (this.#token === token) this.#token = undefined;
    }
    const fresh = (this.#token ??= await this.#authenticate(transport, call));
    return request(transport, { ...call, token: fresh || undefined });
  }

  async #authenticate(transport: EtcdTransport, call: Call): Promise<string> {
    const { credentials } = this.#config;
    if (credentials === undefined) return '';
    try {
      return await transport.authenticate(credentials.user, passwordOf(credentials), call);
    } catch (error) {
      if (isTrouble(error, 'auth-disabled')) return '';
      throw error instanceof CallFailure ? error.beforehand() : error;
    }
  }

  #named<T>(error: unknown, exchange: Exchange, { subject }: Purpose<T>): unknown {
    const ours = error instanceof CallFailure || error === exchange.signal.reason || isClusterError(error);
    if (ours && exchange.signal.aborted) return exchange.interrupted();
    if (isClusterError(error, 'TIMEOUT')) return exchange.expired();
    if (!(error instanceof CallFailure)) return error;
    const { credentials, tls } = this.#config;
    const { operation, mayHaveChanged: outcomeUnknown } = exchange;
    const circumstances = { operation, subject, user: credentials?.user, outcomeUnknown };
    return toClusterError(error, { ...circumstances, tlsFiles: describeTls(tls) });
  }
}
