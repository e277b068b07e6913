import { type ClientRequest, Agent as HttpAgent, type IncomingMessage, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { createSecureContext } from 'node:tls';
import type { Access, TlsMaterial } from './access.js';
import { CallFailure, troubleOfSocket } from './errors.js';
import type { Exchange } from './exchange.js';

/** Shorter than the 90 s after which the API server closes a connection that nobody uses: we must not write into that. */
const UNUSED_MS = 60_000;
/** A watch without a word for so long is dead: the API server sends a bookmark every minute. */
const SILENT_MS = 100_000;

/**
 * The API server itself asks for seconds. A proxy may name an hour, in which no list could be read and no new lock be taken:
 * as long as this, half of the usual TTL, is obeyed, and then one call finds out whether it still holds.
 */
const LONGEST_QUIET_MS = 15_000;

export interface HttpCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
}

export interface HttpReply {
  readonly status: number;
  readonly text: string;
  readonly retryAfterMs: number | undefined;
}

/** Takes the lines of an answer that does not end; throws to end it. */
export type Lines = (line: string) => void;

function requireUsable({ ca, cert, key }: TlsMaterial): void {
  try {
    createSecureContext({ ca, cert, key });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CallFailure('tls', `the certificates cannot be used: ${reason}`);
  }
}

function retryAfter({ headers }: IncomingMessage): number | undefined {
  const seconds = Number(headers['retry-after']);
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds * 1000, LONGEST_QUIET_MS) : undefined;
}

/** Connections to one API server, kept open between calls, under one set of certificates. */
export class HttpConnections {
  readonly tls: TlsMaterial;
  readonly #agent: HttpAgent;
  #running = 0;
  #isReplaced = false;

  constructor({ server, tls, agent }: Access) {
    this.tls = tls;
    if (server.startsWith('https:')) requireUsable(tls);
    const kept = { keepAlive: true, timeout: UNUSED_MS };
    this.#agent = agent ?? (server.startsWith('https:') ? new HttpsAgent({ ...kept, ...tls }) : new HttpAgent(kept));
  }

  close(): void {
    this.#agent.destroy();
  }

  /** No call begins with them any more: they close when the last one that is running has ended. */
  replace(): void {
    this.#isReplaced = true;
    this.#closeUnused();
  }

  /** One request and its whole answer, within the exchange's time. */
  async send(access: Access, call: HttpCall, exchange: Exchange): Promise<HttpReply> {
    const opened = this.#open(access, call, exchange);
    const response = await opened.response;
    let text = '';
    response.setEncoding('utf8');
    await opened.until(response, (chunk) => (text += chunk));
    return { status: response.statusCode ?? 0, text, retryAfterMs: retryAfter(response) };
  }

  /** One request whose answer goes on line by line until somebody ends it. Answers at once when it is refused. */
  async follow(access: Access, call: HttpCall, exchange: Exchange, lines: Lines): Promise<HttpReply | undefined> {
    const opened = this.#open(access, call, exchange);
    const response = await opened.response;
    response.setEncoding('utf8');
    let rest = '';
    if (response.statusCode !== 200) {
      await opened.until(response, (chunk) => (rest += chunk));
      return { status: response.statusCode ?? 0, text: rest, retryAfterMs: retryAfter(response) };
    }
    opened.lastUntilSilent();
    await opened.until(response, (chunk) => {
      const whole = `${rest}${chunk}`.split('\n');
      rest = whole.pop() ?? '';
      for (const line of whole) if (line !== '') lines(line);
    });
    return undefined;
  }

  #open(access: Access, { method, path, body }: HttpCall, exchange: Exchange): OpenRequest {
    const { server, headers } = access;
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const content = payload && { 'content-type': 'application/json', 'content-length': payload.length };
    const send = server.startsWith('https:') ? httpsRequest : httpRequest;
    const request = send(`${server}${path}`, {
      method,
      agent: this.#agent,
      headers: { accept: 'application/json', ...headers, ...content },
      signal: exchange.signal,
      timeout: Math.max(1, exchange.remainingMs()),
    });
    this.#running += 1;
    request.once('close', () => {
      this.#running -= 1;
      this.#closeUnused();
    });
    const opened = new OpenRequest(request, exchange);
    request.end(payload);
    return opened;
  }

  #closeUnused(): void {
    if (this.#isReplaced && this.#running === 0) this.close();
  }
}

/** A request under way; whatever ends it is named once. */
class OpenRequest {
  readonly request: ClientRequest;
  readonly response: Promise<IncomingMessage>;
  readonly #exchange: Exchange;
  #lasts = false;
  #sent = false;
  #ended: CallFailure | undefined;

  constructor(request: ClientRequest, exchange: Exchange) {
    this.request = request;
    this.#exchange = exchange;
    request.once('socket', (socket) => {
      const onData = (): void => this.#keepLimit();
      socket.on('data', onData);
      request.once('close', () => socket.off('data', onData));
      // Inside a tunnel through a proxy the handshake is still to come.
      const isShaking = 'secureConnecting' in socket && socket.secureConnecting === true;
      if (request.reusedSocket || !(socket.connecting || isShaking)) this.#sent = true;
      else socket.once('encrypted' in socket ? 'secureConnect' : 'connect', () => (this.#sent = true));
    });
    request.on('timeout', () => this.#end(this.#lasts ? 'dropped' : 'deadline'));
    this.response = new Promise((resolve, reject) => {
      request.once('response', resolve);
      request.on('error', (error) => reject(this.#named(error)));
    });
  }

  /** It was opened in time, and may last for as long as there is a word from time to time. */
  lastUntilSilent(): void {
    this.#lasts = true;
    this.request.setTimeout(SILENT_MS);
  }

  async until(response: IncomingMessage, take: (chunk: string) => void): Promise<void> {
    try {
      for await (const chunk of response) take(String(chunk));
    } catch (error) {
      throw this.#named(error);
    } finally {
      // Where the reader gave up, nobody reads on.
      if (!response.complete) this.request.destroy();
    }
  }

  /** The socket's own limit counts from the last byte; ours does not. */
  #keepLimit(): void {
    if (this.#lasts) return;
    const leftMs = this.#exchange.remainingMs();
    if (leftMs === 0) this.#end('deadline');
    else this.request.setTimeout(leftMs);
  }

  #end(trouble: 'deadline' | 'dropped'): void {
    this.#ended = new CallFailure(trouble, trouble === 'deadline' ? 'no answer in time' : 'not a word for too long');
    this.request.destroy(this.#ended);
  }

  /** What we ended ourselves looks, in the middle of an answer, as if the server had. */
  #named(thrown: unknown): unknown {
    const { signal } = this.#exchange;
    const error = this.#ended ?? thrown;
    const reason = error instanceof Error ? error.message : String(error);
    if (signal.aborted) return new CallFailure(this.#sent ? 'cancelled' : 'not-connected', reason);
    if (error instanceof CallFailure) {
      return error.trouble === 'deadline' && !this.#sent ? new CallFailure('not-connected', error.message) : error;
    }
    return new CallFailure(troubleOfSocket(error, this.#sent), reason, { cause: error });
  }
}
