import { createHash } from 'node:crypto';
import type { Backend } from '@autocluster/core/backend';
import { kubernetes } from '@autocluster/kubernetes';
import {
  LEASES,
  makeMachine,
  makePod,
  makeService,
  must,
  NAMESPACE,
  shippedRole,
  type Source,
  tokenWith,
} from '../../../../test/backends/kubernetes.js';
import { type KubernetesServer, startKubernetes } from '../../../../test/servers/harness/index.js';
import { type BackendSubject, backendSubject, type Operator, type Place } from '../../src/index.js';

interface LeaseBody {
  readonly metadata: { readonly name: string; readonly uid: string; readonly annotations?: Record<string, string> };
  readonly spec: { readonly holderIdentity?: string };
}

/** The kit's clusters and nodes have plain names; where they do not, this cannot be asked. */
const memberOf = (cluster: string, node: string) => `autocluster.${cluster}.member.${node}`;
const lockOf = (cluster: string, name: string) => `autocluster.${cluster}.lock.${name}`;
const serviceOf = (cluster: string) =>
  `s${createHash('sha256')
    .update(JSON.stringify([cluster]))
    .digest('hex')
    .slice(0, 20)}`;

function operatorAt(server: KubernetesServer, cluster: string): Operator {
  const formation = lockOf(cluster, 'formation');
  const labels = (kind: string) => ({ 'autocluster/cluster': cluster, 'autocluster/kind': kind });
  const patch = (name: string, body: object) => must(server, `${LEASES}/${name}`, { method: 'PATCH', body });
  const annotate = (name: string, annotations: object) => patch(name, { metadata: { annotations } });
  /** Makes the Lease where there is none yet. */
  async function write(name: string, kind: string, annotations: object, spec: object): Promise<void> {
    const metadata = { name, labels: labels(kind), annotations: { 'autocluster/cluster': cluster, ...annotations } };
    const { status } = await server.api(LEASES, { method: 'POST', body: { metadata, spec } });
    if (status === 409) await annotate(name, annotations);
  }
  return {
    // As the runbook breaks a lock: the record lies in the same Lease and stays.
    deleteLock: async (name) => void (await patch(lockOf(cluster, name), { spec: { holderIdentity: '' } })),
    deleteMember: async (node) =>
      void (await must(server, `${LEASES}/${memberOf(cluster, node)}`, { method: 'DELETE' })),
    deleteRecord: async () => void (await annotate(formation, { 'autocluster/record': null })),
    writeRecord: (text) => write(formation, 'formation', { 'autocluster/record': text }, {}),
    writeMember: (node, text) =>
      write(
        memberOf(cluster, node),
        'member',
        { 'autocluster/entry': text },
        { holderIdentity: 'x', leaseDurationSeconds: 60 },
      ),
    async inventory() {
      const { items } = await must<{ items: LeaseBody[] }>(server, LEASES);
      const ours = items.filter(({ metadata }) => metadata.name.startsWith(`autocluster.${cluster}.`));
      // The Lease of a lock that was once asked for stays, held by nobody.
      const kept = ours.filter(
        ({ spec, metadata }) => spec.holderIdentity || metadata.annotations?.['autocluster/record'],
      );
      return kept.map(({ metadata, spec }) => `${metadata.name} ${metadata.uid} ${spec.holderIdentity}`);
    },
  };
}

/** A backend whose Service is made before its first verb, as an administrator does before the pods are. */
function onceServed(backend: Backend, served: () => Promise<void>): Backend {
  let ready: Promise<void> | undefined;
  const first = async <T>(ask: () => Promise<T>): Promise<T> => {
    await (ready ??= served());
    return ask();
  };
  return {
    name: backend.name,
    spi: backend.spi,
    cluster: backend.cluster,
    capabilities: backend.capabilities,
    register: (request, options) => first(() => backend.register(request, options)),
    unregister: (registration, options) => first(() => backend.unregister(registration, options)),
    list: (options) => first(() => backend.list(options)),
    lock: (request, options) => backend.lock(request, options),
    unlock: (grant, options) => backend.unlock(grant, options),
    ...(backend.watch ? { watch: backend.watch.bind(backend) } : {}),
    close: () => backend.close(),
  };
}

/** An API server of its own, asked with nothing but the token of the shipped Role. */
export async function kubernetesSubject(source: Source): Promise<BackendSubject> {
  const server = await startKubernetes({ controllers: source === 'platform' });
  const token = await tokenWith(server, source, shippedRole(source).rules);
  const stranger = await server.createToken('stranger', NAMESPACE);
  if (source === 'platform') await makeMachine(server);
  const services = new Map<string, Promise<void>>();
  const serve = (cluster: string): Promise<void> => {
    const made = services.get(cluster) ?? makeService(server, serviceOf(cluster));
    services.set(cluster, made);
    return made;
  };
  let address = 0;
  const open = ({ cluster, url }: Place, as: string): Backend => {
    const access = {
      cluster,
      server: url,
      token: as,
      namespace: NAMESPACE,
      tls: { ca: server.caFile },
      owner: 'none',
    } as const;
    if (source === 'explicit') return kubernetes(access);
    const members = { service: serviceOf(cluster), checkName: false };
    return onceServed(kubernetes({ ...access, members }), () => serve(cluster));
  };
  return backendSubject({
    name: `kubernetes (${source})`,
    wire: { kind: 'tcp', url: server.server },
    client: (place) => open(place, token),
    forbidden: (place) => open(place, stranger),
    operator: (cluster) => ({
      ...operatorAt(server, cluster),
      async addToPlatform(node) {
        await serve(cluster);
        address += 1;
        const [service, name] = [serviceOf(cluster), `${serviceOf(cluster)}-${address}`];
        await makePod(server, {
          name,
          service,
          hostname: node,
          ips: [`10.1.${Math.floor(address / 250)}.${(address % 250) + 1}`],
        });
      },
    }),
    restart: () => server.restart(),
    close: () => server.stop(),
  });
}
