import { type CallOptions, isClusterError } from '@autocluster/core/backend';
import pRetry from 'p-retry';
import type { ConsulConfig } from './config.js';
import { type Connect, Endpoints } from './endpoints.js';
import { CallFailure, isTrouble, toClusterError, troubleOfAnswer } from './errors.js';
import { closedError, Exchange } from './exchange.js';
import { describeTls } from './tls.js';
import type { AgentTransport, Call, Reply, Request } from './transport.js';

/** How long tidying up after an exchange may take; {@link ConsulClient.close} waits for it. */
const TIDY_MS = 900;
/** With less time left nothing is asked again: it could only fail otherwise. */
const LEAST_MS = 50;
const RETRIED = ['not-connected', 'dropped', 'no-leader', 'store-timeout', 'overloaded'] as const;

export interface Purpose {
  /** Completes «may not …». */
  readonly subject: string;
  /** Whether others see what it does, so that a lost answer leaves a question. */
  readonly writes: boolean;
  /** Whether it may be asked again after a lost answer, since twice is the same as once. */
  readonly repeatable: boolean;
  /** Which answers beside status 200 are answers, and not failures. */
  readonly accepts?: (reply: Reply) => boolean;
  /** For questions that wait for a change: how long the answer may take, whatever time the exchange has. */
  readonly waitsMs?: number;
}

/** What the user's function throws or answers instead of a text may hold a secret, so nothing of it is shown. */
function readToken(token: () => string): string {
  let given: unknown;
  try {
    given = token();
  } catch {
    throw new CallFailure('token', 'the token option, a function, has thrown', 'Consul');
  }
  if (typeof given === 'string' && /^[\x21-\x7e]+$/.test(given.trim())) return given.trim();
  throw new CallFailure('token', 'the token option is not, or did not return, a text without spaces', 'Consul');
}

interface Asked<T> {
  readonly purpose: Purpose;
  readonly request: Request;
  readonly read: (reply: Reply) => T;
  /** How an attempt failed that may have been carried out all the same. */
  doubt: CallFailure | undefined;
}

async function send<T>(transport: AgentTransport, call: Call, { request, purpose, read }: Asked<T>): Promise<T> {
  const reply = await transport.send(request, call);
  if (reply.status === 200 || purpose.accepts?.(reply) === true) return read(reply);
  const text = reply.text.trim().slice(0, 500) || `status ${reply.status}`;
  throw new CallFailure(troubleOfAnswer(reply.status, text), text, reply.agent);
}

/** The requests of one backend: chooses the agent, signs, bounds, repeats what may be repeated, and names failures. */
export class ConsulClient {
  readonly #config: ConsulConfig;
  readonly #endpoints: Endpoints;
  readonly #open = new Set<Exchange>();
  readonly #tidying = new Set<Promise<void>>();
  #token: string | undefined;
  #closed = false;

  constructor(config: ConsulConfig, connect: Connect) {
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

  /** Work that tidies up after an exchange. Never rejects: what cannot be removed lapses. */
  async tidy(exchange: Exchange, run: (tidying: Exchange) => Promise<unknown>): Promise<void> {
    const tidying = exchange.apart(TIDY_MS);
    const work = run(tidying).then(
      () => undefined,
      () => undefined,
    );
    this.#tidying.add(work);
    await work;
    this.#tidying.delete(work);
    tidying.end();
  }

  /** One request, and what its answer means to `read`, which throws a `CallFailure` at what it does not understand. */
  async ask<T>(exchange: Exchange, purpose: Purpose, request: Request, read: (reply: Reply) => T): Promise<T> {
    const asked: Asked<T> = { purpose, request, read, doubt: undefined };
    try {
      if (purpose.waitsMs === undefined) exchange.assertOngoing();
      if (!purpose.repeatable) return await this.#failover(exchange, asked);
      return await pRetry(() => this.#failover(exchange, asked), {
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
    } catch (error) {
      throw this.#named(asked.doubt ?? error, exchange, purpose);
    }
  }

  /** The agent that is in use: a service is known to this one only. */
  async agent(exchange: Exchange, subject: string): Promise<string> {
    try {
      exchange.assertOngoing();
      const { address } = await exchange.unlessAborted(this.#endpoints.reachable(exchange.remainingMs()));
      return address;
    } catch (error) {
      throw this.#named(error, exchange, { subject, writes: false, repeatable: false });
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const exchange of this.#open) exchange.abort(closedError(exchange.operation));
    await Promise.all(this.#tidying);
    this.#endpoints.close();
  }

  /** Asks a second time, another agent if there is one, when that cannot do anything twice. */
  async #failover<T>(exchange: Exchange, asked: Asked<T>): Promise<T> {
    const { repeatable, waitsMs } = asked.purpose;
    // An agent that hangs must leave time to ask another one.
    const share = repeatable && this.#config.hosts.length > 1 ? 2 : 1;
    try {
      return await this.#attempt(exchange, exchange.remainingMs() / share, asked);
    } catch (error) {
      if (!(error instanceof CallFailure) || exchange.signal.aborted) throw error;
      if (exchange.remainingMs() < LEAST_MS) throw error;
      const { elsewhere, maybeDone } = error.meaning;
      if (!elsewhere || waitsMs !== undefined || (maybeDone && !repeatable)) throw error;
    }
    return this.#attempt(exchange, exchange.remainingMs(), asked);
  }

  async #attempt<T>(exchange: Exchange, timeoutMs: number, asked: Asked<T>): Promise<T> {
    const { waitsMs } = asked.purpose;
    if (waitsMs === undefined) exchange.assertOngoing();
    const transport = await exchange.unlessAborted(this.#endpoints.reachable(timeoutMs));
    const leftMs = waitsMs ?? Math.max(1, Math.min(timeoutMs, exchange.remainingMs()));
    try {
      return await this.#signed(transport, exchange, leftMs, asked);
    } catch (error) {
      const { writes } = asked.purpose;
      if (writes && error instanceof CallFailure && error.meaning.maybeDone) asked.doubt = error;
      const hung = exchange.signal.aborted && isClusterError(exchange.signal.reason, 'TIMEOUT');
      if (hung || (error instanceof CallFailure && error.meaning.elsewhere)) this.#endpoints.leave(transport);
      throw error;
    }
  }

  /** Once more with another token, when Consul does not know ours any more. */
  async #signed<T>(transport: AgentTransport, exchange: Exchange, timeoutMs: number, asked: Asked<T>): Promise<T> {
    const { token: source } = this.#config;
    const call = { signal: exchange.signal, timeoutMs };
    const used = source && (this.#token ??= readToken(source));
    try {
      return await send(transport, { ...call, token: used }, asked);
    } catch (error) {
      if (!isTrouble(error, 'token') || source === undefined) throw error;
      if (this.#token === used) this.#token = undefined;
      const fresh = (this.#token ??= readToken(source));
      if (fresh === used) throw error;
      return send(transport, { ...call, token: fresh }, asked);
    }
  }

  #named(error: unknown, exchange: Exchange, { subject, writes }: Purpose): unknown {
    if (exchange.signal.aborted && error === exchange.signal.reason) return exchange.interrupted(writes);
    if (!(error instanceof CallFailure)) return error;
    if (exchange.signal.aborted) return exchange.interrupted(writes && error.meaning.maybeDone);
    const { token, tls } = this.#config;
    const circumstances = { operation: exchange.operation, subject, signed: token !== undefined, writes };
    return toClusterError(error, { ...circumstances, tlsFiles: describeTls(tls) });
  }
}
