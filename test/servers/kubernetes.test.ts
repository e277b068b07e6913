import { afterAll, beforeAll, expect, it } from 'vitest';
import { type KubernetesServer, nothingLeftOf, startKubernetes, until } from './harness/index.ts';
import { serverSuite } from './harness/suite.ts';

const CORE = '/api/v1/namespaces/default';
const LEASES = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
const RBAC = '/apis/rbac.authorization.k8s.io/v1/namespaces/default';
const SLICES = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';

const lease = (name: string) => {
  const spec = { holderIdentity: 'me', renewTime: '2026-11-22T13:47:26.731000Z' };
  return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name }, spec };
};

const pod = {
  metadata: { name: 'web-0', labels: { app: 'web' } },
  spec: { nodeName: 'machine', containers: [{ name: 'web', image: 'none' }] },
};

const podStatus = {
  phase: 'Running',
  podIP: '10.1.0.7',
  podIPs: [{ ip: '10.1.0.7' }],
  conditions: [{ type: 'Ready', status: 'True' }],
};

serverSuite(['etcd', 'kube-apiserver', 'kube-controller-manager'], 'a Kubernetes API server', () => {
  let kubernetes: KubernetesServer;
  beforeAll(async () => {
    kubernetes = await startKubernetes({ controllers: true });
  });
  afterAll(() => kubernetes.stop());

  const create = async (path: string, body: unknown, token?: string) => {
    const { status } = await kubernetes.api(path, { method: 'POST', body, ...(token === undefined ? {} : { token }) });
    return status;
  };

  it('says the version of its recipe', async () => {
    expect(await kubernetes.api('/version')).toMatchObject({ status: 200, body: { gitVersion: 'v1.34.4' } });
  });

  it('makes a Lease for the administrator', async () => {
    expect(await create(LEASES, lease('door'))).toBe(201);
    const { body } = await kubernetes.api(`${LEASES}/door`);
    expect(body).toMatchObject({ spec: { renewTime: '2026-11-22T13:47:26.731000Z' } });
  });

  it('gives a ServiceAccount what a Role allows, and no more', async () => {
    const token = await kubernetes.createToken('worker');
    expect(await create(LEASES, lease('early'), token)).toBe(403);
    const rules = [{ apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create', 'get'] }];
    expect(await create(`${RBAC}/roles`, { metadata: { name: 'locker' }, rules })).toBe(201);
    const binding = {
      metadata: { name: 'locker' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'locker' },
      subjects: [{ kind: 'ServiceAccount', name: 'worker', namespace: 'default' }],
    };
    expect(await create(`${RBAC}/rolebindings`, binding)).toBe(201);
    await until('the role is in force', async () => (await create(LEASES, lease('late'), token)) === 201);
    expect((await kubernetes.api(`${CORE}/pods`, { token })).status).toBe(403);
  });

  it('makes an EndpointSlice of a Service and a Pod', async () => {
    expect(await create('/api/v1/nodes', { metadata: { name: 'machine' } })).toBe(201);
    const service = { metadata: { name: 'web' }, spec: { selector: { app: 'web' }, ports: [{ port: 80 }] } };
    expect(await create(`${CORE}/services`, service)).toBe(201);
    expect(await create(`${CORE}/pods`, pod)).toBe(201);
    const patched = await kubernetes.api(`${CORE}/pods/web-0/status`, { method: 'PATCH', body: { status: podStatus } });
    expect(patched.status).toBe(200);
    await until('the slice lists the pod', async () => {
      const { body } = await kubernetes.api(`${SLICES}?labelSelector=kubernetes.io/service-name=web`);
      return JSON.stringify(body).includes('10.1.0.7');
    });
  });

  it('keeps its data over a restart and a kill', async () => {
    await kubernetes.restart();
    await kubernetes.kill();
    await kubernetes.restart();
    expect((await kubernetes.api(`${LEASES}/door`)).status).toBe(200);
  });

  it('leaves nothing, nor does its etcd', async () => {
    await kubernetes.stop();
    await nothingLeftOf(kubernetes);
    await nothingLeftOf(kubernetes.etcd);
  });
});
