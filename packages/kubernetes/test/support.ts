import type { Backend } from '@autocluster/core/backend';
import { kubernetes, type KubernetesOptions } from '@autocluster/kubernetes';
import { afterAll, beforeAll, expect } from 'vitest';
import { LEASES, must, NAMESPACE, type Rule, shippedRole, tokenWith } from '../../../test/backends/kubernetes.js';
import {
  call,
  freshCluster,
  held,
  lockOf,
  registered,
  registration,
  Servers as AnyServers,
} from '../../../test/backends/support.js';
import {
  type KubernetesOptions as ServerOptions,
  type KubernetesServer,
  startKubernetes,
} from '../../../test/servers/harness/index.js';

export {
  busy,
  call,
  failure,
  failureInTime,
  freshCluster,
  held,
  lockOf,
  recordOf,
  registered,
  registration,
} from '../../../test/backends/support.js';

export class Servers extends AnyServers {
  backend(options: KubernetesOptions): Backend {
    return this.keep(kubernetes(options));
  }
}

export interface LeaseBody {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly unknown[];
  };
  readonly spec: Readonly<Record<string, unknown>>;
}

/** One API server for a file of tests, each of which works in a cluster name of its own, with a token of the shipped Roles. */
export class SharedServer extends Servers {
  #started: KubernetesServer | undefined;
  readonly #tokens = new Map<string, string>();

  constructor(options: ServerOptions = {}) {
    super();
    beforeAll(async () => {
      this.#started = await startKubernetes(options);
      await Promise.all((['explicit', 'platform'] as const).map((name) => this.allow(name, shippedRole(name).rules)));
    });
    afterAll(async () => {
      await this.end();
      await this.#started?.stop();
    });
  }

  get server(): KubernetesServer {
    if (this.#started === undefined) throw new Error('the server is not started yet');
    return this.#started;
  }

  /** A ServiceAccount that may do exactly this. */
  async allow(name: string, rules: readonly Rule[]): Promise<string> {
    const token = await tokenWith(this.server, name, rules);
    this.#tokens.set(name, token);
    return token;
  }

  token(name: string): string {
    const token = this.#tokens.get(name);
    if (token === undefined) throw new Error(`nobody has made the ServiceAccount ${name}`);
    return token;
  }

  options(changes: Partial<KubernetesOptions> = {}): KubernetesOptions {
    const { server, caFile } = this.server;
    const source = typeof changes.members === 'object' ? 'platform' : 'explicit';
    const given = { cluster: freshCluster(), server, token: this.token(source), tls: { ca: caFile } };
    return { ...given, namespace: NAMESPACE, owner: 'none', ...changes };
  }

  /** Two clients of one fresh cluster. */
  pair(changes: Partial<KubernetesOptions> = {}): {
    readonly cluster: string;
    readonly one: Backend;
    readonly two: Backend;
  } {
    const all = this.options(changes);
    return { cluster: all.cluster, one: this.backend(all), two: this.backend(all) };
  }

  lease(name: string): Promise<LeaseBody> {
    return must(this.server, `${LEASES}/${name}`);
  }

  /** The names of the Leases of one cluster. */
  async leases(cluster: string): Promise<readonly string[]> {
    const { items } = await must<{ items: LeaseBody[] }>(this.server, LEASES);
    const names = items.map(({ metadata }) => metadata.name);
    return names.filter((name) => name.startsWith(`autocluster.${cluster}.`)).toSorted();
  }

  change(name: string, body: unknown): Promise<LeaseBody> {
    return must(this.server, `${LEASES}/${name}`, { method: 'PATCH', body });
  }

  async remove(name: string): Promise<void> {
    await must(this.server, `${LEASES}/${name}`, { method: 'DELETE' });
  }
}

export const sharedServer = (options?: ServerOptions): SharedServer => new SharedServer(options);

export const memberLease = (cluster: string, node: string): string => `autocluster.${cluster}.member.${node}`;
export const formationLease = (cluster: string): string => `autocluster.${cluster}.lock.formation`;

/** Uses each verb once. */
export async function allVerbs(store: Backend): Promise<void> {
  const first = registered(await store.register(registration('n'), call()));
  registered(await store.register({ ...registration('n'), held: first }, call()));
  const grant = held(await store.lock(lockOf('n'), call()));
  expect(await store.unlock(grant, call())).toEqual({ kind: 'released' });
  expect((await store.list(call())).members).toHaveLength(1);
  await store.unregister(first, call());
}
