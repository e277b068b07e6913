import { ClusterError, type Entry } from '@autocluster/core/backend';
import { indexOf, isObject, jsonOf, listOf } from './answers.js';
import type { ConsulClient } from './client.js';
import type { ConsulConfig } from './config.js';
import type { Exchange } from './exchange.js';
import { definitionOf, META, readyStatus, type ServiceDefinition, serviceIdOf } from './service.js';
import type { Reply } from './transport.js';

/** How often the catalog is asked for a service that was just registered, and how long each question waits for it. */
const READ_BACKS = 4;
const READ_BACK_MS = 500;

interface Placed {
  readonly agent: string;
  readonly text: string;
}

interface Seen {
  readonly meta: Readonly<Record<string, unknown>>;
  readonly status: string | undefined;
}

/** In Consul's words, those before 1.7 included: a 404 of a proxy before the agent says nothing about services. */
const isNotFound = ({ status, text }: Reply): boolean => status === 404 && /unknown (?:proxy )?service/i.test(text);

/** Consul before 1.11 answers 500 for a check that it does not know. */
const isUnknown = ({ status, text }: Reply): boolean =>
  (status === 404 && text.includes('Unknown check')) ||
  (status === 500 && /Unknown check|does not have associated TTL/.test(text));

const metaIn = (service: unknown): Seen['meta'] =>
  isObject(service) && isObject(service['Meta']) ? service['Meta'] : {};

function seenIn(reply: Reply, readyCheck: string): readonly Seen[] {
  return listOf(reply).map(({ Service: service, Checks: checks }) => {
    const ready = Array.isArray(checks) ? checks.find((each) => isObject(each) && each['CheckID'] === readyCheck) : {};
    return { meta: metaIn(service), status: isObject(ready) ? String(ready['Status']) : undefined };
  });
}

/** The members' services at the agent in use: what DNS, the UI and templates show. */
export class Services {
  readonly #client: ConsulClient;
  readonly #config: ConsulConfig;
  /** By node: what the agent was last told. */
  readonly #placed = new Map<string, Placed>();

  constructor(client: ConsulClient, config: ConsulConfig) {
    this.#client = client;
    this.#config = config;
  }

  /** Lets the checks pass; registers the service where the agent does not know it, or knows it otherwise. */
  async keep(exchange: Exchange, entry: Entry): Promise<void> {
    const definition = definitionOf(this.#config, entry);
    const agent = await this.#client.agent(exchange, `write service ${definition.id}`);
    const placed = this.#placed.get(entry.node);
    const isPlaced = placed?.agent === agent && placed.text === definition.text;
    if (isPlaced && (await this.#beat(exchange, entry, definition))) return;
    this.#placed.delete(entry.node);
    if (placed?.agent !== agent) await this.#requireOwn(exchange, entry, definition.id);
    await this.#place(exchange, entry, definition);
    this.#placed.set(entry.node, { agent, text: definition.text });
  }

  /** Removes the service unless it is by now that of another instance. */
  async withdraw(exchange: Exchange, node: string, instance: string): Promise<void> {
    const id = serviceIdOf(this.#config, node);
    this.#placed.delete(node);
    const meta = await this.#read(exchange, id);
    if (meta?.[META.instance] !== instance) return;
    const purpose = { subject: `write service ${id}`, writes: true, repeatable: false, accepts: isNotFound };
    const path = `/agent/service/deregister/${encodeURIComponent(id)}`;
    await this.#client.ask(exchange, purpose, { method: 'PUT', path }, () => undefined);
  }

  /** Whether the agent knows both checks. With the same answer as before it tells the servers nothing. */
  async #beat(exchange: Exchange, entry: Entry, definition: ServiceDefinition): Promise<boolean> {
    const output = `instance ${entry.instance}`;
    const known = await Promise.all([
      this.#update(exchange, definition.aliveCheck, 'passing', output),
      this.#update(exchange, definition.readyCheck, readyStatus(entry), entry.state),
    ]);
    return known.every(Boolean);
  }

  #update(exchange: Exchange, check: string, status: string, output: string): Promise<boolean> {
    const purpose = { subject: `write check ${check}`, writes: true, repeatable: true, accepts: isUnknown };
    const path = `/agent/check/update/${encodeURIComponent(check)}`;
    const body = JSON.stringify({ Status: status, Output: output });
    return this.#client.ask(exchange, purpose, { method: 'PUT', path, body }, (reply) => !isUnknown(reply));
  }

  /** The meta data of a service of this agent; undefined when there is none. */
  #read(exchange: Exchange, id: string): Promise<Seen['meta'] | undefined> {
    const purpose = { subject: `read service ${id}`, writes: false, repeatable: true, accepts: isNotFound };
    const path = `/agent/service/${encodeURIComponent(id)}`;
    return this.#client.ask(exchange, purpose, { method: 'GET', path }, (reply) =>
      isNotFound(reply) ? undefined : metaIn(jsonOf(reply)),
    );
  }

  async #place(exchange: Exchange, entry: Entry, definition: ServiceDefinition): Promise<void> {
    const { id, text } = definition;
    const purpose = { subject: `write service ${id}`, writes: true, repeatable: true };
    const query = { 'replace-existing-checks': 'true' };
    const register = { method: 'PUT', path: '/agent/service/register', query, body: text } as const;
    await this.#client.ask(exchange, purpose, register, () => undefined);
    // A check that the agent knew keeps the status that it had, whatever the definition says.
    if (!(await this.#beat(exchange, entry, definition))) throw this.#unseen(exchange, id, 'lost its checks at once');
    await this.#readBack(exchange, entry, definition);
  }

  /** An agent overwrites whatever has the same id. */
  async #requireOwn(exchange: Exchange, { node }: Entry, id: string): Promise<void> {
    const meta = await this.#read(exchange, id);
    const { cluster } = this.#config;
    if (meta === undefined || (meta[META.cluster] === cluster && meta[META.node] === node)) return;
    const owner = meta[META.node] === undefined ? 'something else' : `node ${String(meta[META.node])}`;
    throw new ClusterError(
      'STORE_FAILED',
      `the agent has a service with id ${id}, of ${owner}: set another serviceId`,
      {
        operation: exchange.operation,
        retryable: false,
        outcomeUnknown: false,
      },
    );
  }

  /** An agent answers 200 before the servers know, and also when they refuse it: only the catalog tells. */
  async #readBack(exchange: Exchange, entry: Entry, { id, readyCheck }: ServiceDefinition): Promise<void> {
    const { name } = this.#config.service;
    const purpose = { subject: `read service ${id} in the catalog`, writes: false, repeatable: true };
    const path = `/health/service/${encodeURIComponent(name)}`;
    const query = { consistent: 'true', filter: `Service.ID == "${id}"` };
    const isShown = ({ meta, status }: Seen): boolean =>
      meta[META.instance] === entry.instance && meta[META.state] === entry.state && status === readyStatus(entry);
    let wait: Record<string, string> = {};
    for (let round = 0; round < READ_BACKS; round += 1) {
      const { seen, index } = await this.#client.ask(
        exchange,
        purpose,
        { method: 'GET', path, query: { ...query, ...wait } },
        (reply) => ({ seen: seenIn(reply, readyCheck), index: indexOf(reply) }),
      );
      if (seen.some(isShown)) return;
      const waitMs = Math.min(READ_BACK_MS, Math.floor(exchange.remainingMs() / 2));
      wait = { index: String(index), wait: `${Math.max(1, waitMs)}ms` };
    }
    throw this.#unseen(exchange, id, "is not in the catalog: look at the agent's own token and log, and at node:read");
  }

  #unseen({ operation }: Exchange, id: string, problem: string): ClusterError {
    return new ClusterError('STORE_FAILED', `the agent took service ${id}, and it ${problem}`, { operation });
  }
}
