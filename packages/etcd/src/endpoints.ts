import type { EtcdConfig, EtcdHost } from './config.js';
import { CallFailure, isTrouble } from './errors.js';
import type { Call, EtcdTransport } from './transport.js';

export type Connect = (host: EtcdHost) => EtcdTransport;

const MOST_TELLING = ['tls', 'credentials', 'failed', 'no-leader', 'not-connected'];

function rank({ trouble }: CallFailure): number {
  const place = MOST_TELLING.indexOf(trouble);
  return place === -1 ? MOST_TELLING.length : place;
}

/** Of many failures the one that says most about what to correct. */
function mostTelling(failures: readonly CallFailure[]): CallFailure {
  const [first, ...others] = failures.toSorted((a, b) => rank(a) - rank(b));
  if (first === undefined) return new CallFailure('not-connected', 'no endpoint', 'etcd');
  const texts = [first.message, ...others.map(({ endpoint, message }) => `${endpoint}: ${message}`)];
  return new CallFailure(first.trouble, texts.join('; '), first.endpoint).beforehand();
}

/** All endpoints, and the one that is known to answer. */
export class Endpoints {
  readonly #config: EtcdConfig;
  readonly #connect: Connect;
  #current: EtcdTransport | undefined;
  #hostOfCurrent: EtcdHost | undefined;
  #failed: EtcdHost | undefined;
  #search: Promise<EtcdTransport> | undefined;
  #over: AbortController | undefined;
  #closed = false;

  constructor(config: EtcdConfig, connect: Connect) {
    this.#config = config;
    this.#connect = connect;
  }

  /** The endpoint that answered last; without one, several are asked together and the first to answer is kept. */
  async reachable(call: Call): Promise<EtcdTransport> {
    if (this.#current !== undefined) return this.#current;
    this.#search ??= this.#race(call).finally(() => {
      this.#search = undefined;
    });
    return this.#search;
  }

  /** Asks again for a reachable endpoint before the next call. Only the first report on a transport counts. */
  leave(transport: EtcdTransport): void {
    if (this.#current !== transport) return;
    this.#failed = this.#hostOfCurrent;
    this.#current = undefined;
    transport.close();
  }

  close(): void {
    this.#closed = true;
    this.#over?.abort();
    this.#current?.close();
    this.#current = undefined;
  }

  async #race(call: Call): Promise<EtcdTransport> {
    const limit = this.#config.connectTimeoutMs;
    const timeoutMs = Math.min(limit, call.timeoutMs ?? limit);
    const over = new AbortController();
    this.#over = over;
    if (this.#closed) over.abort();
    const bounded = { ...call, timeoutMs, signal: over.signal };
    try {
      return await Promise.any(this.#probes(bounded, over));
    } catch (error) {
      const failures: readonly unknown[] = error instanceof AggregateError ? error.errors : [error];
      throw mostTelling(failures.filter((each) => each instanceof CallFailure));
    } finally {
      over.abort();
    }
  }

  /** A member may answer a probe and nothing else. So the one that failed last is asked only when no other answers. */
  #probes(call: Call & { timeoutMs: number }, over: AbortController): readonly Promise<EtcdTransport>[] {
    const { hosts } = this.#config;
    const failed = hosts.filter((host) => host === this.#failed && hosts.length > 1);
    // Those that hang must leave time to ask it as well.
    const bounded = { ...call, timeoutMs: Math.ceil(call.timeoutMs / (1 + failed.length)) };
    const fresh = hosts.filter((host) => !failed.includes(host)).map((host) => this.#probe(host, bounded, over));
    const last = failed.map(async (host) => {
      await Promise.allSettled(fresh);
      if (over.signal.aborted) throw new CallFailure('cancelled', 'another endpoint was faster', host.address);
      return this.#probe(host, bounded, over);
    });
    return [...fresh, ...last];
  }

  async #probe(host: EtcdHost, call: Call, over: AbortController): Promise<EtcdTransport> {
    const transport = this.#connect(host);
    try {
      await transport.probe(call).catch((error: unknown) => {
        // Who is asked for a password has been answered.
        if (!isTrouble(error, 'token', 'forbidden')) throw error;
      });
      if (over.signal.aborted) throw new CallFailure('cancelled', 'another endpoint was faster', host.address);
      over.abort();
      this.#current = transport;
      this.#hostOfCurrent = host;
      return transport;
    } catch (error) {
      transport.close();
      if (!(error instanceof CallFailure) || !error.message.startsWith('Deadline exceeded')) throw error;
      throw new CallFailure('not-connected', `no answer within ${call.timeoutMs} ms`, host.address);
    }
  }
}
