import { readFileSync } from 'node:fs';
import { loadAllYaml } from '@kubernetes/client-node';
import type { Backend } from '@autocluster/core/backend';
import { kubernetes, type KubernetesOptions } from '@autocluster/kubernetes';
import { afterAll, beforeAll } from 'vitest';
import { freshCluster, Servers as AnyServers } from '../../../test/backends/support.js';
import {
  type ApiCall,
  type KubernetesOptions as ServerOptions,
  type KubernetesServer,
  startKubernetes,
  until,
} from '../../../test/servers/harness/index.js';

export {
  busy,
  call,
  failure,
  freshCluster,
  held,
  lockOf,
  recordOf,
  registered,
  registration,
} from '../../../test/backends/support.js';

export const NAMESPACE = 'default';
export const LEASES = `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases`;
const RBAC = `/apis/rbac.authorization.k8s.io/v1/namespaces/${NAMESPACE}`;

export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

interface Role {
  readonly metadata: { readonly name: string };
  readonly rules: readonly Rule[];
}

export type Source = 'explicit' | 'platform';

/** The Roles that users copy are those that the tests run with. */
export function shippedRole(source: Source): Role {
  const file = new URL('../../../examples/kubernetes/role.yaml', import.meta.url);
  const roles: readonly Role[] = loadAllYaml(readFileSync(file, 'utf8'));
  const role = roles.find(({ metadata }) => metadata.name === `autocluster-${source}`);
  if (role === undefined) throw new Error(`role.yaml has no Role for ${source}`);
  return role;
}

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

/** One API server for a file of tests, each of which works in a cluster name of its own. */
export class SharedServer extends Servers {
  #started: KubernetesServer | undefined;
  readonly #tokens = new Map<string, string>();

  constructor(options: ServerOptions = {}) {
    super();
    beforeAll(async () => {
      this.#started = await startKubernetes(options);
      await this.allow('explicit', shippedRole('explicit').rules);
      await this.allow('platform', shippedRole('platform').rules);
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

  /** A ServiceAccount that may do exactly this; answers its token once the API server knows. */
  async allow(name: string, rules: readonly Rule[]): Promise<string> {
    const { server } = this;
    const token = await server.createToken(name);
    await this.must(`${RBAC}/roles`, { method: 'POST', body: { metadata: { name }, rules } });
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name };
    const subjects = [{ kind: 'ServiceAccount', name, namespace: NAMESPACE }];
    await this.must(`${RBAC}/rolebindings`, { method: 'POST', body: { metadata: { name }, roleRef, subjects } });
    const review = {
      kind: 'SelfSubjectRulesReview',
      apiVersion: 'authorization.k8s.io/v1',
      spec: { namespace: NAMESPACE },
    };
    await until(`the Role of ${name} is in force`, async () => {
      const path = '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews';
      const { body } = await server.api(path, { method: 'POST', body: review, token });
      return rules.every((rule) => JSON.stringify(body).includes(JSON.stringify(rule.verbs)));
    });
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
    const members = changes.members === undefined || changes.members === 'explicit' ? 'explicit' : 'platform';
    const given = { cluster: freshCluster(), server, token: this.token(members), tls: { ca: caFile } };
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

  /** As the administrator. */
  async must<T = unknown>(path: string, call?: ApiCall): Promise<T> {
    const { status, body } = await this.server.api(path, call);
    if (status >= 300) throw new Error(`${call?.method ?? 'GET'} ${path}: ${status} ${JSON.stringify(body)}`);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the real server's answer to a path of ours
    return body as T;
  }

  lease(name: string): Promise<LeaseBody> {
    return this.must(`${LEASES}/${name}`);
  }

  /** The names of the Leases of one cluster. */
  async leases(cluster: string): Promise<readonly string[]> {
    const { items } = await this.must<{ items: LeaseBody[] }>(LEASES);
    const names = items.map(({ metadata }) => metadata.name);
    return names.filter((name) => name.startsWith(`autocluster.${cluster}.`)).toSorted();
  }

  change(name: string, body: unknown): Promise<LeaseBody> {
    return this.must(`${LEASES}/${name}`, { method: 'PATCH', body });
  }

  async remove(name: string): Promise<void> {
    await this.must(`${LEASES}/${name}`, { method: 'DELETE' });
  }
}

export const sharedServer = (options?: ServerOptions): SharedServer => new SharedServer(options);
