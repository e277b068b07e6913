import { type CallOptions, isClusterError } from '@autocluster/core/backend';
import pRetry from 'p-retry';
import type { Access, AccessSource, TlsMaterial } from './access.js';
import { CallFailure, isTrouble, toClusterError, troubleOfStatus } from './errors.js';
import { closedError, Exchange } from './exchange.js';
import { HttpConnections, type HttpCall, type HttpReply, type Lines } from './http.js';
import { fieldsIn, textIn } from './lease.js';
import { pathOf, type Question, subjectOf } from './resources.js';

/** Files with tokens and certificates rotate; Kubernetes itself reads them every minute. */
const ACCESS_LASTS_MS = 60_000;
/** What is read for longer, such as the answer of a program that hangs, keeps nobody waiting who can do without. */
const PATIENCE_MS = 5_000;
const RETRIED = ['not-connected', 'dropped', 'unavailable', 'server-timeout'] as const;
const METHODS = { get: 'GET', list: 'GET', watch: 'GET', create: 'POST', update: 'PUT', delete: 'DELETE' } as const;

/** A reply that was no failure, or one of those that the caller has asked to see. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

interface Connected {
  readonly access: Access;
  readonly connections: HttpConnections;
  readonly readAtMs: number;
}

interface Reading {
  readonly connected: Promise<Connected>;
  readonly beganMs: number;
}

function sameTls(a: TlsMaterial, b: TlsMaterial): boolean {
  const mark = ({ ca, cert, key, servername, rejectUnauthorized }: TlsMaterial): string =>
    JSON.stringify([String(ca), String(cert), String(key), servername, rejectUnauthorized]);
  return mark(a) === mark(b);
}

function bodyOf({ text }: HttpReply): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The API server's own words; what answers in its place is shown shortened. */
const messageOf = ({ text, status }: HttpReply, body: unknown): string =>
  textIn(fieldsIn(body)['message']) || `status ${status}: ${JSON.stringify(text.slice(0, 200))}`;

/** The calls of one backend: finds the server, signs, bounds, repeats what may be repeated, and names failures. */
export class KubernetesClient {
  readonly #source: AccessSource;
  readonly #open = new Set<Exchange>();
  /** Those of the newest certificates. Earlier ones are kept by the calls that are running over them, and by nobody else. */
  #newest: HttpConnections | undefined;
  #connected: Connected | undefined;
  #reading: Reading | undefined;
  /** Before this moment the server wants to hear only what keeps something alive, or lets it go. */
  #quietUntilMs = 0;
  #closed = false;

  constructor(source: AccessSource) {
    this.#source = source;
  }

  /** Known from the first answer on. */
  get namespace(): string | undefined {
    return this.#connected?.access.namespace;
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

  /** One call of the API. `expected`: replies of failure that mean something to the caller. */
  async ask(exchange: Exchange, question: Question, expected: readonly number[] = []): Promise<Answer> {
    const isRead = METHODS[question.verb] === 'GET';
    const once = () => this.#signed(exchange, question, (to, call) => this.#send(exchange, to, call, expected));
    try {
      this.#requireNotQuiet(exchange, question);
      if (!isRead) return await once();
      return await pRetry(once, {
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
      throw this.#named(error, exchange, question);
    }
  }

  /** Follows a watch; resolves when the server or the exchange ends it, rejects at any break. */
  async follow(exchange: Exchange, question: Question, lines: Lines): Promise<void> {
    try {
      this.#requireNotQuiet(exchange, question);
      await this.#signed(exchange, question, async ({ access, connections }, call) => {
        const refusal = await connections.follow(access, call, exchange, lines);
        if (refusal !== undefined) this.#fail(exchange, refusal);
      });
    } catch (error) {
      if (exchange.signal.aborted) return;
      throw this.#named(error, exchange, question);
    }
  }

  close(): Promise<void> {
    this.#closed = true;
    for (const exchange of this.#open) exchange.abort(closedError(exchange.operation));
    this.#newest?.close();
    return Promise.resolve();
  }

  async #send(exchange: Exchange, to: Connected, call: HttpCall, expected: readonly number[]): Promise<Answer> {
    const reply = await to.connections.send(to.access, call, exchange);
    const body = bodyOf(reply);
    const isOk = reply.status >= 200 && reply.status < 300;
    // What is no answer of an API server is no "not found" either.
    const isExpected = expected.includes(reply.status) && fieldsIn(body)['kind'] === 'Status';
    if (!isOk && !isExpected) this.#fail(exchange, reply);
    if (body === undefined) throw new CallFailure('failed', `no JSON: ${JSON.stringify(reply.text.slice(0, 200))}`);
    return { status: reply.status, body };
  }

  #fail(exchange: Exchange, reply: HttpReply): never {
    const message = messageOf(reply, bodyOf(reply));
    const { retryAfterMs, status } = reply;
    const trouble = troubleOfStatus(status, message);
    if (trouble === 'overloaded' && retryAfterMs !== undefined) {
      this.#quietUntilMs = exchange.clock.monotonicMs() + retryAfterMs;
    }
    throw new CallFailure(trouble, message, retryAfterMs === undefined ? {} : { retryAfterMs });
  }

  /** The server has named the moment before which it will not answer: asking earlier makes it later. */
  #requireNotQuiet({ clock }: Exchange, { urgent }: Question): void {
    const retryAfterMs = Math.ceil(this.#quietUntilMs - clock.monotonicMs());
    if (urgent === true || retryAfterMs <= 0) return;
    throw new CallFailure('overloaded', `asked not to be called for another ${retryAfterMs} ms`, { retryAfterMs });
  }

  /** Asks with what the files say, and once more with what they say by then when the token is refused. */
  async #signed<T>(
    exchange: Exchange,
    question: Question,
    run: (to: Connected, call: HttpCall) => Promise<T>,
  ): Promise<T> {
    exchange.assertOngoing();
    const to = await exchange.unlessAborted(this.#access(exchange));
    const callTo = ({ access }: Connected): HttpCall => ({
      method: METHODS[question.verb],
      path: pathOf(question, access.namespace),
      ...(question.body === undefined ? {} : { body: question.body }),
    });
    try {
      return await run(to, callTo(to));
    } catch (error) {
      if (isTrouble(error, 'token', 'tls') && this.#connected === to) this.#forgetAccess();
      if (!isTrouble(error, 'token')) throw error;
    }
    exchange.assertOngoing();
    const again = await exchange.unlessAborted(this.#access(exchange));
    return run(again, callTo(again));
  }

  /** What is being read may be as old, or hang. */
  #forgetAccess(): void {
    this.#connected = undefined;
    this.#reading = undefined;
  }

  #access({ clock }: Exchange): Promise<Connected> {
    const known = this.#connected;
    const nowMs = clock.monotonicMs();
    if (known !== undefined && nowMs - known.readAtMs < ACCESS_LASTS_MS) return Promise.resolve(known);
    const { connected, beganMs } = this.#readingAt(nowMs);
    if (known === undefined) return connected;
    // A file may be read while it is being written. What it said before most likely still holds, and is forgotten when refused.
    const usual = connected.catch(() => known);
    return nowMs - beganMs < PATIENCE_MS ? usual : Promise.resolve(known);
  }

  /** The reading under way, unless it has been so for too long: nobody ends a program that hangs, and each may be another one. */
  #readingAt(nowMs: number): Reading {
    if (this.#reading !== undefined && nowMs - this.#reading.beganMs < ACCESS_LASTS_MS) return this.#reading;
    const connected = this.#read(nowMs).finally(() => {
      if (this.#reading === reading) this.#reading = undefined;
    });
    const reading = { connected, beganMs: nowMs };
    this.#reading = reading;
    return reading;
  }

  async #read(nowMs: number): Promise<Connected> {
    const access = await this.#source.read();
    // One that began later was faster.
    if (this.#connected !== undefined && this.#connected.readAtMs > nowMs) return this.#connected;
    const before = this.#newest;
    const fits = before !== undefined && sameTls(before.tls, access.tls);
    const connections = fits ? before : new HttpConnections(access);
    if (!fits) before?.replace();
    this.#newest = connections;
    if (this.#closed) connections.close();
    const connected = { access, connections, readAtMs: nowMs };
    this.#connected = connected;
    return connected;
  }

  #named(error: unknown, exchange: Exchange, question: Question): unknown {
    const writes = METHODS[question.verb] !== 'GET';
    if (exchange.signal.aborted && error === exchange.signal.reason) return exchange.interrupted(false);
    if (!(error instanceof CallFailure))
      return isClusterError(error) ? error : this.#unnamed(error, exchange, question);
    if (exchange.signal.aborted) return exchange.interrupted(writes && error.meaning.maybeDone);
    const { access } = this.#connected ?? {};
    return toClusterError(error, {
      operation: exchange.operation,
      subject: subjectOf(question, access?.namespace),
      server: access?.server ?? 'the API server',
      writes,
      tlsFiles: this.#source.tlsFiles,
      credentials: this.#source.credentials,
    });
  }

  #unnamed(error: unknown, exchange: Exchange, question: Question): unknown {
    const reason = error instanceof Error ? error.message : String(error);
    return this.#named(new CallFailure('failed', reason, { cause: error }), exchange, question);
  }
}
