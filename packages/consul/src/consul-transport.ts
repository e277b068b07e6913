import { addAbortListener, EventEmitter } from 'node:events';
import * as http from 'node:http';
import * as https from 'node:https';
import Consul from 'consul';
import type { ConsulTlsOptions } from './config.js';
import { CallFailure, troubleOfCause } from './errors.js';
import { type ConsulHost, shownHost } from './hosts.js';
import { readTls } from './tls.js';
import type { AgentTransport, Call, Reply, Request } from './transport.js';

/** Connections that are kept for later: a renewal needs at most two at a time. */
const KEPT_CONNECTIONS = 2;

interface Stage {
  err?: unknown;
  res?: http.IncomingMessage & { body?: Buffer };
  transport?: { request(options: http.RequestOptions): http.ClientRequest };
}

type Step = (stage: Stage, next: (stop?: unknown, error?: undefined, answer?: unknown) => void) => void;

/** What we use of the client, whose own types leave this out. */
interface HttpClient {
  _request(options: Readonly<Record<string, unknown>>, answered: Step): Promise<unknown>;
}

type MakeClient = new (options: Readonly<Record<string, unknown>>) => HttpClient;

/** Where the client connects to, and how. */
function connection(host: ConsulHost, tls: ConsulTlsOptions): { options: Record<string, unknown>; agent: http.Agent } {
  const keeping = { keepAlive: true, maxFreeSockets: KEPT_CONNECTIONS };
  if (host.kind === 'unix') {
    const agent = new http.Agent(keeping);
    return { options: { baseUrl: 'http://localhost/v1', socketPath: host.path, agent }, agent };
  }
  const agent = host.secure ? new https.Agent(keeping) : new http.Agent(keeping);
  const baseUrl = `${host.secure ? 'https' : 'http'}://${host.address}/v1`;
  return { options: { baseUrl, agent, ...(host.secure ? readTls(tls, host.address) : {}) }, agent };
}

/** The client takes the brackets of an IPv6 address for a part of the name. */
const withoutBrackets = (options: http.RequestOptions): http.RequestOptions => {
  const { hostname } = options;
  return typeof hostname === 'string' ? { ...options, hostname: hostname.replace(/^\[(.*)\]$/, '$1') } : options;
};

/** Tells when the connection stands, over which the request then goes. */
function onceOpen(request: http.ClientRequest, onOpen: () => void): void {
  request.once('socket', (socket) => {
    if (request.reusedSocket || !socket.connecting) onOpen();
    else socket.once('encrypted' in socket ? 'secureConnect' : 'connect', onOpen);
  });
}

/** The client waits for the end of an answer only, and for ever when the connection breaks before it. */
const reportingBreaks =
  (address: string, onOpen: () => void) =>
  (stage: Stage, next: () => void): void => {
    const { transport = http } = stage;
    const request = (options: http.RequestOptions): http.ClientRequest => {
      const sent = transport.request(withoutBrackets(options));
      onceOpen(sent, onOpen);
      sent.once('response', (response) => {
        response.once('close', () => {
          if (!response.complete) sent.emit('error', new CallFailure('dropped', 'the answer broke off', address));
        });
      });
      return sent;
    };
    stage.transport = { request };
    next();
  };

function replyOf(agent: string, { statusCode = 0, headers, body }: http.IncomingMessage & { body?: Buffer }): Reply {
  const index = headers['x-consul-index'];
  return {
    agent,
    status: statusCode,
    index: typeof index === 'string' && /^\d+$/.test(index) ? BigInt(index) : undefined,
    filtered: headers['x-consul-results-filtered-by-acls'] === 'true',
    text: body?.toString('utf8') ?? '',
  };
}

/** Answers with every response, where the client would take statuses for errors and guess at the body. */
const answerOf =
  (agent: string): Step =>
  ({ err, res }, next) => {
    // An error without a whole answer is one of the connection.
    if (res?.complete === true) next(false, undefined, replyOf(agent, res));
    else next(err);
  };

const queryOf = ({ query = {} }: Request): string => {
  const text = new URLSearchParams(query).toString();
  return text === '' ? '' : `?${text}`;
};

const isReply = (value: unknown): value is Reply => typeof value === 'object' && value !== null && 'status' in value;

/** One agent over HTTP. */
export class ConsulTransport implements AgentTransport {
  readonly address: string;
  readonly #client: HttpClient;
  readonly #agent: http.Agent;
  readonly #scope: Readonly<Record<string, string>>;

  constructor(host: ConsulHost, { tls, scope }: { tls: ConsulTlsOptions; scope: Readonly<Record<string, string>> }) {
    this.address = shownHost(host);
    const { options, agent } = connection(host, tls);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its types know neither `http.Agent` nor a response that is a stream
    const Client = Consul as unknown as MakeClient;
    this.#client = new Client(options);
    this.#agent = agent;
    this.#scope = scope;
  }

  async send(request: Request, { signal, timeoutMs, token }: Call): Promise<Reply> {
    const { method, path, body } = request;
    if (signal.aborted) throw new CallFailure('cancelled', 'aborted before it was sent', this.address);
    const ctx = new EventEmitter();
    const listening = addAbortListener(signal, () => ctx.emit('cancel'));
    let sent = false;
    const onOpen = (): void => {
      sent = true;
    };
    try {
      const reply = await this.#client._request(
        {
          method,
          path: `${path}${queryOf({ ...request, query: { ...this.#scope, ...request.query } })}`,
          headers: token === undefined ? {} : { 'x-consul-token': token },
          ...(body === undefined ? {} : { body: Buffer.from(body), type: 'json' }),
          buffer: true,
          timeout: timeoutMs,
          ctx,
          exts: { onRequest: reportingBreaks(this.address, onOpen) },
        },
        answerOf(this.address),
      );
      if (isReply(reply)) return reply;
      throw new CallFailure('garbled', 'no answer', this.address);
    } catch (error) {
      throw this.#failure(error, { signal, timeoutMs, sent });
    } finally {
      listening[Symbol.dispose]();
    }
  }

  retire(): void {
    this.#agent.maxFreeSockets = 0;
    for (const socket of Object.values(this.#agent.freeSockets).flatMap((each) => each ?? [])) socket.destroy();
  }

  close(): void {
    this.#agent.destroy();
  }

  #failure(error: unknown, { signal, timeoutMs, sent }: Pick<Call, 'signal' | 'timeoutMs'> & { sent: boolean }) {
    if (error instanceof CallFailure) return error;
    if (signal.aborted) return new CallFailure('cancelled', 'aborted', this.address);
    const { isTimeout, code, message }: { isTimeout?: unknown; code?: unknown; message?: unknown } = Object(error);
    if (isTimeout === true) return new CallFailure('deadline', `no answer within ${timeoutMs} ms`, this.address);
    return new CallFailure(troubleOfCause(code, sent), String(message).replace(/^consul: /, ''), this.address);
  }
}
