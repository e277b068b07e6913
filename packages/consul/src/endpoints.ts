import pRetry from 'p-retry';
import type { ConsulConfig } from './config.js';
import { CallFailure, isTrouble, troubleOfAnswer } from './errors.js';
import type { ConsulHost } from './hosts.js';
import type { AgentTransport, Reply } from './transport.js';

export type Connect = (host: ConsulHost) => AgentTransport;

const MOST_TELLING = ['tls', 'garbled', 'failed', 'no-leader', 'deadline', 'not-connected'];

function rank({ trouble }: CallFailure): number {
  const place = MOST_TELLING.indexOf(trouble);
  return place === -1 ? MOST_TELLING.length : place;
}

/** Of many failures the one that says most about what to correct. */
function mostTelling(failures: readonly CallFailure[]): CallFailure {
  const [first, ...others] = failures.toSorted((a, b) => rank(a) - rank(b));
  if (first === undefined) return new CallFailure('not-connected', 'no agent', 'Consul');
  const texts = [first.message, ...others.map(({ agent, message }) => `${agent}: ${message}`)];
  // Nothing was asked of it yet.
  const trouble = first.trouble === 'deadline' || first.trouble === 'dropped' ? 'not-connected' : first.trouble;
  return new CallFailure(trouble, texts.join('; '), first.agent);
}

function checkLeader({ status, text }: Reply, agent: string): void {
  if (status !== 200) throw new CallFailure(troubleOfAnswer(status, text), text.trim() || `status ${status}`, agent);
  if (text.trim() === '""') throw new CallFailure('no-leader', 'knows no leader', agent);
  if (!/^\s*"[^"]+"\s*$/.test(text)) throw new CallFailure('garbled', 'answers, but is no Consul agent', agent);
}

/**
 * All agents in the order of the options, and the one that is in use. A service belongs to the agent that it was registered
 * with, so the first that answers is kept until it fails.
 */
export class Endpoints {
  readonly #config: ConsulConfig;
  readonly #connect: Connect;
  readonly #closing = new AbortController();
  #current: AgentTransport | undefined;
  #failed: ConsulHost | undefined;
  #hostOfCurrent: ConsulHost | undefined;
  #search: Promise<AgentTransport> | undefined;

  constructor(config: ConsulConfig, connect: Connect) {
    this.#config = config;
    this.#connect = connect;
  }

  /** An agent that answers and knows a leader. The search is that of all callers: the first sets its time, none ends it. */
  async reachable(timeoutMs: number): Promise<AgentTransport> {
    if (this.#current !== undefined) return this.#current;
    this.#search ??= this.#patiently(timeoutMs).finally(() => {
      this.#search = undefined;
    });
    return this.#search;
  }

  /** Looks for another agent before the next request. Only the first report on a transport counts. */
  leave(transport: AgentTransport): void {
    if (this.#current !== transport) return;
    this.#failed = this.#hostOfCurrent;
    this.#current = undefined;
    // Others may have asked it something that it still answers.
    transport.retire();
  }

  close(): void {
    this.#closing.abort();
    this.#current?.close();
    this.#current = undefined;
  }

  /** An election is over in a second or two; the question does no harm. */
  #patiently(timeoutMs: number): Promise<AgentTransport> {
    return pRetry(() => this.#find(timeoutMs), {
      retries: 2,
      minTimeout: 200,
      factor: 4,
      randomize: true,
      // The last probe needs time for its answer: "no leader" must not become a timeout.
      maxRetryTime: timeoutMs / 2,
      signal: this.#closing.signal,
      shouldRetry: ({ error }) => isTrouble(error, 'no-leader'),
    }).catch((error: unknown) => {
      if (error instanceof CallFailure) throw error;
      throw new CallFailure('cancelled', 'closed', 'Consul');
    });
  }

  async #find(timeoutMs: number): Promise<AgentTransport> {
    const failures: CallFailure[] = [];
    const isFresh = (host: ConsulHost): boolean => host !== this.#failed;
    const { hosts, connectTimeoutMs } = this.#config;
    // One that hangs must leave time to ask the others.
    const eachMs = Math.max(1, Math.min(connectTimeoutMs, Math.floor(timeoutMs / hosts.length)));
    for (const host of [...hosts.filter(isFresh), ...hosts.filter((each) => !isFresh(each))]) {
      const found = await this.#probe(host, eachMs).catch((error: unknown) => {
        if (!(error instanceof CallFailure)) throw error;
        failures.push(error);
      });
      if (found === undefined) continue;
      this.#hostOfCurrent = host;
      this.#current = found;
      return found;
    }
    throw mostTelling(failures);
  }

  async #probe(host: ConsulHost, timeoutMs: number): Promise<AgentTransport> {
    const transport = this.#connect(host);
    const call = { signal: this.#closing.signal, timeoutMs, token: undefined };
    try {
      checkLeader(await transport.send({ method: 'GET', path: '/status/leader' }, call), transport.address);
      this.#closing.signal.throwIfAborted();
      return transport;
    } catch (error) {
      transport.close();
      throw error;
    }
  }
}
