import type { ConsulServer } from '../../../test/servers/harness/index.js';

export interface Session {
  readonly ID: string;
  readonly Name: string;
  readonly TTL: string;
  readonly LockDelay: number;
  readonly Behavior: string;
  readonly NodeChecks: readonly string[] | null;
}

export interface Instance {
  readonly Node: { readonly Node: string; readonly Address: string };
  readonly Service: {
    readonly ID: string;
    readonly Service: string;
    readonly Tags: readonly string[];
    readonly Address: string;
    readonly Port: number;
    readonly Meta: Readonly<Record<string, string>>;
  };
  readonly Checks: readonly {
    readonly CheckID: string;
    readonly Name: string;
    readonly Status: string;
    readonly Output: string;
    readonly Notes: string;
  }[];
}

/** The status of one of our checks. */
export const statusOf = (instance: Instance | undefined, name: 'alive' | 'ready'): string | undefined =>
  instance?.Checks.find((check) => check.Name === name)?.Status;

/** What tests ask Consul themselves, with the management token where there is one. */
export class Questions {
  readonly #server: () => Pick<ConsulServer, 'plainAddress' | 'token'>;

  constructor(server: () => Pick<ConsulServer, 'plainAddress' | 'token'>) {
    this.#server = server;
  }

  /** The answer's JSON; undefined for status 404 and for an answer without text. */
  async ask<T = unknown>(method: string, path: string, body?: unknown): Promise<T | undefined> {
    const { plainAddress, token } = this.#server();
    const headers = token === undefined ? {} : { 'x-consul-token': token };
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const sent = body === undefined ? {} : { body: text };
    const response = await fetch(`${plainAddress}/v1${path}`, { method, headers, ...sent });
    const answer = await response.text();
    if (response.status === 404) return undefined;
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${answer}`);
    return answer === '' ? undefined : (JSON.parse(answer) as T);
  }

  async keys(prefix: string): Promise<readonly string[]> {
    return (await this.ask<string[]>('GET', `/kv/${prefix}?keys`)) ?? [];
  }

  async value(key: string): Promise<string | undefined> {
    const [found] = (await this.ask<{ Value: string | null }[]>('GET', `/kv/${key}`)) ?? [];
    return found && Buffer.from(found.Value ?? '', 'base64').toString();
  }

  async put(key: string, value: string): Promise<void> {
    await this.ask('PUT', `/kv/${key}`, value);
  }

  async remove(key: string): Promise<void> {
    await this.ask('DELETE', `/kv/${key}`);
  }

  async sessions(): Promise<readonly Session[]> {
    return (await this.ask<Session[]>('GET', '/session/list')) ?? [];
  }

  /** Those whose names say that they are of this cluster. */
  async sessionsOf(cluster: string): Promise<readonly Session[]> {
    return (await this.sessions()).filter(({ Name }) => Name.startsWith(`autocluster/${cluster}/`));
  }

  async session(id: string): Promise<Session | undefined> {
    return (await this.sessions()).find(({ ID }) => ID === id);
  }

  async destroy(session: string): Promise<void> {
    await this.ask('PUT', `/session/destroy/${session}`);
  }

  /** The instances of a service in the catalog that have this tag. */
  async catalog(tag: string, service = 'autocluster'): Promise<readonly Instance[]> {
    const path = `/health/service/${service}?consistent&tag=${encodeURIComponent(tag)}`;
    return (await this.ask<Instance[]>('GET', path)) ?? [];
  }

  /** Everything that the servers hold of a cluster, with the index of its last write each. */
  async written(cluster: string): Promise<string> {
    const parts = await Promise.all([
      this.ask('GET', `/kv/autocluster/${cluster}/?recurse&consistent`),
      this.catalog(cluster),
      this.sessionsOf(cluster),
    ]);
    return JSON.stringify(parts);
  }
}
