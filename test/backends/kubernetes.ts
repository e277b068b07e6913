import { readFileSync } from 'node:fs';
import { loadAll } from 'js-yaml';
import { type ApiCall, type KubernetesServer, until } from '../servers/harness/index.ts';

export const NAMESPACE = 'default';
export const LEASES = `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases`;
export const SLICES = `/apis/discovery.k8s.io/v1/namespaces/${NAMESPACE}/endpointslices`;
const CORE = `/api/v1/namespaces/${NAMESPACE}`;
const RBAC = `/apis/rbac.authorization.k8s.io/v1/namespaces/${NAMESPACE}`;
const REVIEWS = '/apis/authorization.k8s.io/v1/subjectaccessreviews';

export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
}

interface Role extends Manifest {
  readonly rules: readonly Rule[];
}

export type Source = 'explicit' | 'platform';

/** All objects in a file of an example. */
export function manifestsIn(file: string, example = 'kubernetes'): readonly Manifest[] {
  const text = readFileSync(new URL(`../../examples/${example}/${file}`, import.meta.url), 'utf8');
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the file is ours
  return loadAll(text).filter(Boolean) as readonly Manifest[];
}

export const isRole = (each: Manifest): each is Role => 'rules' in each;

/** The Roles that users copy are those that the tests run with. */
export function shippedRole(source: Source): Role {
  const role = manifestsIn('role.yaml')
    .filter(isRole)
    .find(({ metadata }) => metadata.name === `autocluster-${source}`);
  if (role === undefined) throw new Error(`role.yaml has no Role for ${source}`);
  return role;
}

/** As the administrator; whatever is no success is an error. */
export async function must<T = unknown>(server: KubernetesServer, path: string, call: ApiCall = {}): Promise<T> {
  const { status, body } = await server.api(path, call);
  if (status >= 300) throw new Error(`${call.method ?? 'GET'} ${path}: ${status} ${JSON.stringify(body)}`);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the real server's answer to a path of ours
  return body as T;
}

const post = <T>(server: KubernetesServer, path: string, body: unknown): Promise<T> =>
  must<T>(server, path, { method: 'POST', body });

/** Who gets a Role: a ServiceAccount, or the user that a client certificate names. */
export type Subject = { readonly account: string } | { readonly user: string };

const nameOf = (subject: Subject): string =>
  'user' in subject ? subject.user : `system:serviceaccount:${NAMESPACE}:${subject.account}`;

interface Asked {
  readonly group: string;
  readonly resource: string;
  readonly verb: string;
}

const questionsOf = ({ apiGroups, resources, verbs }: Rule): readonly Asked[] =>
  apiGroups.flatMap((group) => resources.flatMap((resource) => verbs.map((verb) => ({ group, resource, verb }))));

/** Gives somebody exactly these rights, also again after the server has lost everything; resolves when they are in force. */
export async function bindRole(server: KubernetesServer, name: string, subject: Subject, rules: readonly Rule[]) {
  const api = { apiGroup: 'rbac.authorization.k8s.io' };
  const subjects =
    'user' in subject
      ? [{ ...api, kind: 'User', name: subject.user }]
      : [{ kind: 'ServiceAccount', name: subject.account, namespace: NAMESPACE }];
  const objects = { roles: { rules }, rolebindings: { roleRef: { ...api, kind: 'Role', name }, subjects } };
  for (const [kind, fields] of Object.entries(objects)) {
    const body = { metadata: { name }, ...fields };
    await until(`${kind} ${name}`, async () => {
      // A server that has just begun makes its namespaces a moment later.
      const { status } = await server.api(`${RBAC}/${kind}`, { method: 'POST', body });
      return [201, 409].includes(status);
    });
  }
  for (const asked of rules.flatMap(questionsOf)) {
    const spec = { user: nameOf(subject), resourceAttributes: { namespace: NAMESPACE, ...asked } };
    await until(`${asked.verb} ${asked.resource} is allowed`, async () => {
      const { status } = await post<{ status: { allowed: boolean } }>(server, REVIEWS, { spec });
      return status.allowed;
    });
  }
}

/** The token of a new ServiceAccount that may do exactly this. */
export async function tokenWith(server: KubernetesServer, account: string, rules: readonly Rule[]): Promise<string> {
  const token = await server.createToken(account, NAMESPACE);
  await bindRole(server, account, { account }, rules);
  return token;
}

/** What pods run on, as far as the controllers are concerned. */
export async function makeMachine(server: KubernetesServer): Promise<void> {
  await post(server, '/api/v1/nodes', { metadata: { name: 'machine' } });
}

export interface ServiceOptions {
  readonly publishNotReadyAddresses?: boolean;
  readonly ipFamilies?: readonly ('IPv4' | 'IPv6')[];
}

/** A headless Service that selects pods with the label `app` of its name, once it has its first slice. */
export async function makeService(server: KubernetesServer, name: string, options: ServiceOptions = {}): Promise<void> {
  const { publishNotReadyAddresses = true, ipFamilies } = options;
  const families = ipFamilies && {
    ipFamilies,
    ipFamilyPolicy: ipFamilies.length > 1 ? 'RequireDualStack' : 'SingleStack',
  };
  const spec = {
    clusterIP: 'None',
    selector: { app: name },
    publishNotReadyAddresses,
    ports: [{ port: 1 }],
    ...families,
  };
  await post(server, `${CORE}/services`, { metadata: { name }, spec });
  await until(`a slice of ${name}`, async () => {
    const { items } = await must<{ items: unknown[] }>(
      server,
      `${SLICES}?labelSelector=kubernetes.io/service-name%3D${name}`,
    );
    return items.length > 0;
  });
}

export interface PodOptions {
  readonly name: string;
  /** The Service that selects it; also its subdomain when it has a host name. */
  readonly service: string;
  readonly ips: readonly string[];
  readonly hostname?: string;
  readonly ready?: boolean;
}

const statusOf = (ips: readonly string[], ready: boolean) => ({
  phase: 'Running',
  podIP: ips[0],
  podIPs: ips.map((ip) => ({ ip })),
  conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
});

/** A pod that runs, as a kubelet would tell it. Answers its UID. */
export async function makePod(server: KubernetesServer, options: PodOptions): Promise<string> {
  const { name, service, ips, hostname, ready = true } = options;
  const named = hostname === undefined ? {} : { hostname, subdomain: service };
  const spec = { nodeName: 'machine', containers: [{ name: 'daemon', image: 'daemon' }], ...named };
  const pod = { metadata: { name, labels: { app: service } }, spec };
  const made = await post<{ metadata: { uid: string } }>(server, `${CORE}/pods`, pod);
  await must(server, `${CORE}/pods/${name}/status`, { method: 'PATCH', body: { status: statusOf(ips, ready) } });
  return made.metadata.uid;
}

export async function setReady(server: KubernetesServer, { name, ips }: PodOptions, ready: boolean): Promise<void> {
  await must(server, `${CORE}/pods/${name}/status`, { method: 'PATCH', body: { status: statusOf(ips, ready) } });
}

export async function removePod(server: KubernetesServer, name: string): Promise<void> {
  await must(server, `${CORE}/pods/${name}?gracePeriodSeconds=0`, { method: 'DELETE' });
}
