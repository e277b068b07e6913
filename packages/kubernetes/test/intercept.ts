import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, createServer, request } from 'node:https';
import type { Certificates, KubernetesServer } from '../../../test/servers/harness/index.js';

/** What the API server is made to answer in place of its own answer. */
export interface Instead {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly message: string;
}

export interface Asked {
  readonly method: string;
  readonly url: URL;
  readonly isWatch: boolean;
}

export type Rule = (asked: Asked) => Instead | undefined;

type KeyPair = Certificates['server'];

const LOOPBACK = '127.0.0.1';

/** Stands before an API server, speaks HTTP, and answers in its place where a rule says so. */
export class Interceptor {
  readonly asked: Asked[] = [];
  rule: Rule = () => undefined;
  /** These arrive, and are not answered. */
  dropAnswersOf: ((asked: Asked) => boolean) | undefined;
  /** Answers as a web server that has never heard of Kubernetes. */
  rawNotFound = false;
  /** Watches are cut after so long, in ms. */
  cutWatchesAfterMs: number | undefined;
  readonly #target: KubernetesServer;
  readonly #agent: Agent;
  readonly #server;

  constructor(target: KubernetesServer, { certFile, keyFile }: KeyPair = target.certificates.server) {
    const { caFile } = target;
    this.#target = target;
    this.#agent = new Agent({ ca: readFileSync(caFile), keepAlive: true });
    this.#server = createServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) }, (from, to) =>
      this.#take(from, to),
    );
  }

  async start(): Promise<this> {
    this.#server.listen(0, LOOPBACK);
    await once(this.#server, 'listening');
    return this;
  }

  get url(): string {
    const address = this.#server.address();
    return `https://${LOOPBACK}:${typeof address === 'object' && address ? address.port : 0}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    this.#agent.destroy();
    await once(this.#server, 'close');
  }

  count(matches: (asked: Asked) => boolean): number {
    return this.asked.filter(matches).length;
  }

  #take(from: IncomingMessage, to: ServerResponse): void {
    const url = new URL(from.url ?? '/', this.#target.server);
    const asked = { method: from.method ?? 'GET', url, isWatch: url.searchParams.get('watch') === 'true' };
    this.asked.push(asked);
    const instead = this.rule(asked);
    if (this.rawNotFound) to.writeHead(404, { 'content-type': 'text/html' }).end('<h1>not found</h1>');
    else if (instead) this.#answer(to, instead);
    else this.#pass(from, to, asked);
  }

  #answer(to: ServerResponse, { status, headers, message }: Instead): void {
    to.writeHead(status, { 'content-type': 'application/json', ...headers });
    to.end(JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code: status, message }));
  }

  #pass(from: IncomingMessage, to: ServerResponse, asked: Asked): void {
    const { method, url, isWatch } = asked;
    const { host: _, ...headers } = from.headers;
    const isDropped = this.dropAnswersOf?.(asked) === true;
    const passed = request(url, { method, headers, agent: this.#agent }, (reply) => {
      if (isDropped) {
        reply.resume();
        return;
      }
      to.writeHead(reply.statusCode ?? 500, reply.headers);
      to.flushHeaders();
      reply.pipe(to);
      reply.on('error', () => to.destroy());
    });
    passed.on('error', () => to.destroy());
    to.on('close', () => passed.destroy());
    from.pipe(passed);
    if (isWatch && this.cutWatchesAfterMs !== undefined) setTimeout(() => to.destroy(), this.cutWatchesAfterMs);
  }
}
