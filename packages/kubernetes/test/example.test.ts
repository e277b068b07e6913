import type { Backend } from '@autocluster/core/backend';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  isRole,
  makeMachine,
  makePod,
  makeService,
  manifestsIn,
  type Rule,
  shippedRole,
  type Source,
} from '../../../test/backends/kubernetes.js';
import { until } from '../../../test/servers/harness/index.js';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import {
  busy,
  call,
  failure,
  freshCluster,
  held,
  lockOf,
  recordOf,
  registered,
  registration,
  sharedServer,
} from './support.js';

const PLACES: Readonly<Record<string, string>> = {
  Role: 'apis/rbac.authorization.k8s.io/v1/namespaces/default/roles',
  RoleBinding: 'apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings',
  ServiceAccount: 'api/v1/namespaces/default/serviceaccounts',
  Service: 'api/v1/namespaces/default/services',
  StatefulSet: 'apis/apps/v1/namespaces/default/statefulsets',
  Deployment: 'apis/apps/v1/namespaces/default/deployments',
  PodDisruptionBudget: 'apis/policy/v1/namespaces/default/poddisruptionbudgets',
};
const FILES = ['role', 'account', 'service', 'statefulset', 'deployment', 'poddisruptionbudget'].map(
  (name) => `${name}.yaml`,
);

/** Everything that a node ever asks of its store; a missing permission ends it with an error. */
async function everything(one: Backend, two: Backend, node: string): Promise<void> {
  await one.list(call());
  const watch = one.watch?.(call())[Symbol.asyncIterator]();
  const [next] = await Promise.all([watch?.next(), work(one, two, node)]);
  expect(next?.value).toBe('changed');
  await watch?.return?.();
}

async function work(one: Backend, two: Backend, node: string): Promise<void> {
  const entry = registered(await one.register(registration(node), call()));
  registered(await one.register({ ...registration(node, { state: 'ready' }), held: entry }, call()));
  const request = lockOf(node);
  const grant = held(await one.lock(request, call()));
  held(await one.lock({ ...request, held: grant }, call()));
  busy(await two.lock(lockOf(node), call()));
  await one.unlock(grant, { ...call(), record: recordOf(grant) });
  await one.unregister(entry, call());
}

function without(rules: readonly Rule[], resource: string, verb: string): readonly Rule[] {
  const kept = rules.map((rule) =>
    rule.resources.includes(resource) ? { ...rule, verbs: rule.verbs.filter((each) => each !== verb) } : rule,
  );
  return kept.filter(({ verbs }) => verbs.length > 0);
}

/** Each permission of a shipped Role, alone. */
const permissionsOf = (source: Source) =>
  shippedRole(source).rules.flatMap(({ resources, verbs }) =>
    resources.flatMap((resource) => verbs.map((verb) => ({ source, resource, verb }))),
  );

serverSuite(['kube-apiserver', 'kube-controller-manager', 'etcd'], 'kubernetes: what we ship', () => {
  const shared = sharedServer({ controllers: ['endpointslice-controller', 'garbage-collector-controller'] });
  const service = freshCluster();
  const node = `${service}-0`;
  const members = { explicit: 'explicit', platform: { service, checkName: false } } as const;

  beforeAll(async () => {
    await makeMachine(shared.server);
    await makeService(shared.server, service);
    await makePod(shared.server, { name: node, service, hostname: node, ips: ['10.1.0.9'] });
    const { one } = shared.pair({ members: members.platform });
    await until('the pod is listed', async () => (await one.list(call())).members.length === 1);
  });

  describe('manifests', () => {
    const all = FILES.flatMap((file) => manifestsIn(file).map((manifest) => ({ file, kind: manifest.kind, manifest })));

    const rabbits = manifestsIn('rabbits.yaml', 'rabbitmq-kubernetes').map((manifest) => ({
      file: 'rabbits.yaml',
      kind: manifest.kind,
      manifest,
    }));

    test.each([...all, ...rabbits])(
      '$file: the API server takes the $kind, and knows every field',
      async ({ kind, manifest }) => {
        const path = `/${PLACES[kind]}?dryRun=All&fieldValidation=Strict`;
        const { status, body } = await shared.server.api(path, { method: 'POST', body: manifest });
        expect({ status, message: status === 201 ? '' : JSON.stringify(body) }).toEqual({ status: 201, message: '' });
      },
    );

    test('the pods are those that Service, budget and Role mean', () => {
      const text = JSON.stringify(all.map(({ manifest }) => manifest));
      expect(text.match(/"serviceAccountName":"orders"/g)).toHaveLength(2);
      expect(text).toContain('"publishNotReadyAddresses":true');
      expect(text).toContain('"subjects":[{"kind":"ServiceAccount","name":"orders"}]');
      for (const field of ['metadata.name', 'metadata.uid'])
        expect(text.split(`"fieldPath":"${field}"`)).toHaveLength(3);
    });
  });

  test('RabbitMQ: the pods may do what a platform member needs, and are called as the store calls them', () => {
    const objects = manifestsIn('rabbits.yaml', 'rabbitmq-kubernetes');
    expect(objects.filter(isRole).map(({ rules }) => rules)).toEqual([shippedRole('platform').rules]);
    const text = JSON.stringify(objects);
    expect(text).toContain('"value":"rabbit@$(POD_NAME).rabbits.$(POD_NAMESPACE).svc"');
    expect(text).toContain('"publishNotReadyAddresses":true');
    expect(text).not.toContain('"kind":"Secret"');
  });

  describe('S47: the Roles', () => {
    test.each(['explicit', 'platform'] as const)('%s: everything that a node does', async (source) => {
      const { one, two } = shared.pair({ members: members[source] });
      await everything(one, two, node);
    });

    test.concurrent.each([...permissionsOf('explicit'), ...permissionsOf('platform')])(
      '$source: without $verb of $resource something is STORE_FORBIDDEN, and names both',
      async ({ source, resource, verb }) => {
        const name = `${source}-no-${verb}-${resource}`;
        const token = await shared.allow(name, without(shippedRole(source).rules, resource, verb));
        const { one, two } = shared.pair({ members: members[source], token });
        const error = await failure(everything(one, two, node));
        expect(error).toMatchObject({ code: 'STORE_FORBIDDEN', retryable: false, outcomeUnknown: false });
        expect(error.message).toMatch(new RegExp(`may not ${verb} ${resource}\\b.*namespace`));
      },
    );
  });

  test('a Lease goes with the Pod that owns it', { timeout: 60_000 }, async () => {
    const name = `${service}-owner`;
    const uid = await makePod(shared.server, { name, service: 'nobody', ips: ['10.1.0.8'] });
    const { cluster, one } = shared.pair({ owner: { name, uid } });
    await one.register(registration('n', { ttlMs: 600_000 }), call());
    expect(await shared.leases(cluster)).toHaveLength(1);
    await shared.server.api(`/api/v1/namespaces/default/pods/${name}?gracePeriodSeconds=0`, { method: 'DELETE' });
    await until('the Lease is gone', async () => (await shared.leases(cluster)).length === 0, { withinMs: 40_000 });
  });
});
