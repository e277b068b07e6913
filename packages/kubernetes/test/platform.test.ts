import { beforeAll, describe, expect, test, vi } from 'vitest';
import {
  makeMachine,
  makePod,
  makeService,
  type PodOptions,
  removePod,
  setReady,
} from '../../../test/backends/kubernetes.js';
import { until } from '../../../test/servers/harness/index.js';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import type { PlatformMembers } from '../src/config.js';
import {
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

/** Names that resolve by now: there is no DNS of a Kubernetes cluster here. */
const resolvable = vi.hoisted(() => new Set<string>());
vi.mock('node:dns/promises', () => ({
  lookup: async (host: string) => {
    if (!resolvable.has(host)) throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND' });
    return { address: '10.1.0.1', family: 4 };
  },
}));

let addresses = 0;
const freshIp = (): string => {
  addresses += 1;
  return `10.1.${Math.floor(addresses / 200)}.${(addresses % 200) + 1}`;
};

serverSuite(['kube-apiserver', 'kube-controller-manager', 'etcd'], 'kubernetes: pods as members', () => {
  const shared = sharedServer({ controllers: true });
  beforeAll(() => makeMachine(shared.server));

  const open = (members: PlatformMembers) => shared.pair({ members: { checkName: false, ...members } }).one;
  const pod = (service: string, ordinal: number, more: Partial<PodOptions> = {}): PodOptions => {
    const name = `${service}-${ordinal}`;
    return { name, service, hostname: name, ips: [freshIp()], ...more };
  };
  const make = (options: PodOptions) => makePod(shared.server, options);

  /** Waits for the controller, which is a process of its own. */
  async function listed(members: PlatformMembers, nodes: readonly string[]) {
    const backend = open(members);
    return until(`${nodes.join(', ') || 'nobody'} is listed`, async () => {
      const list = await backend.list(call());
      const found = list.members.map(({ node }) => node).toSorted();
      return JSON.stringify(found) === JSON.stringify(nodes.toSorted()) && list;
    });
  }

  async function service(options?: Parameters<typeof makeService>[2]): Promise<string> {
    const name = freshCluster();
    await makeService(shared.server, name, options);
    return name;
  }

  describe.concurrent('who is listed', () => {
    test('pods of a StatefulSet by host name, each once, with the UID of the pod as instance', async () => {
      const name = await service();
      const uids = await Promise.all([0, 1, 2].map((ordinal) => make(pod(name, ordinal))));
      const list = await listed(
        { service: name, prefix: 'rabbit@' },
        [0, 1, 2].map((each) => `rabbit@${name}-${each}`),
      );
      expect(list.members.map(({ instance }) => instance).toSorted()).toEqual(uids.toSorted());
      expect(list).toMatchObject({ complete: true, record: { kind: 'absent' }, skipped: [] });
    });

    test('more pods than one slice holds', { timeout: 60_000 }, async () => {
      const name = await service();
      const nodes = Array.from({ length: 110 }, (_, ordinal) => `${name}-${ordinal}`);
      for (let at = 0; at < nodes.length; at += 22) {
        await Promise.all(nodes.slice(at, at + 22).map((_, index) => make(pod(name, at + index))));
      }
      expect((await listed({ service: name }, nodes)).members).toHaveLength(110);
    });

    test('S49: pods that are not ready are members, unless it was asked for ready ones', async () => {
      const name = await service({ publishNotReadyAddresses: false });
      const waiting = pod(name, 0, { ready: false });
      await make(waiting);
      await make(pod(name, 1));
      const both = await listed({ service: name }, [`${name}-0`, `${name}-1`]);
      expect(both.members.map(({ node, state }) => `${node} ${state}`).toSorted()).toEqual([
        `${name}-0 joining`,
        `${name}-1 ready`,
      ]);
      await listed({ service: name, includeNotReady: false }, [`${name}-1`]);
      await setReady(shared.server, waiting, true);
      await listed({ service: name, includeNotReady: false }, [`${name}-0`, `${name}-1`]);
    });

    test('S53: a pod that comes back with another address has the same name, and is another instance', async () => {
      const name = await service();
      const first = pod(name, 0);
      const uid = await make(first);
      await listed({ service: name }, [`${name}-0`]);
      await removePod(shared.server, first.name);
      await listed({ service: name }, []);
      const next = await make({ ...first, ips: [freshIp()] });
      const { members } = await listed({ service: name }, [`${name}-0`]);
      expect(members[0]?.instance).toBe(next);
      expect(next).not.toBe(uid);
    });

    test('S6: pods of a Deployment by address; by host name they have none, which is said', async () => {
      const name = await service();
      const { hostname: _, ...bare } = pod(name, 7);
      await make(bare);
      await listed({ service: name, address: 'ip', prefix: 'rabbit@' }, [`rabbit@${bare.ips[0]}`]);
      const { members, skipped } = await open({ service: name }).list(call());
      expect(members).toEqual([]);
      expect(skipped).toEqual([{ key: bare.name, reason: expect.stringContaining('as those of a StatefulSet do') }]);
    });

    test('by DNS name, with the domain of the cluster as suffix', async () => {
      const name = await service();
      await make(pod(name, 0));
      const members = { service: name, address: 'dns', prefix: 'rabbit@', suffix: '.cluster.local' } as const;
      await listed(members, [`rabbit@${name}-0.${name}.default.svc.cluster.local`]);
    });

    test('S57: ordinals that do not start at 0', async () => {
      const name = await service();
      await make(pod(name, 5));
      await make(pod(name, 6));
      await listed({ service: name }, [`${name}-5`, `${name}-6`]);
    });

    test('S55: IPv6 addresses, when they are asked for', async () => {
      const name = freshCluster();
      const slice = (addressType: string, address: string) => ({
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: `${name}-${addressType.toLowerCase()}`, labels: { 'kubernetes.io/service-name': name } },
        addressType,
        endpoints: [{ addresses: [address], targetRef: { kind: 'Pod', name: `${name}-0`, uid: 'u' } }],
        ports: [],
      });
      const path = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';
      for (const body of [slice('IPv4', '10.1.9.9'), slice('IPv6', 'fd00::9')]) {
        expect((await shared.server.api(path, { method: 'POST', body })).status).toBe(201);
      }
      await listed({ service: name, address: 'ip' }, ['10.1.9.9']);
      await listed({ service: name, address: 'ip', addressType: 'IPv6' }, ['fd00::9']);
    });
  });

  describe.concurrent('what is no list', () => {
    test('S48: a Service that does not exist is an error, never an empty list', async () => {
      const error = await failure(open({ service: 'no-such-service' }).list(call()));
      expect(error).toMatchObject({ code: 'STORE_FAILED', retryable: true, outcomeUnknown: false });
      expect(error.message).toMatch(/Service no-such-service in namespace default: does the Service exist/);
    });

    test('a Service without pods is an empty complete list', async () => {
      expect(await listed({ service: await service() }, [])).toMatchObject({ complete: true, skipped: [] });
    });
  });

  describe.concurrent('register', () => {
    test('writes nothing, and answers the entry of the platform and the record', async () => {
      const name = await service();
      const uid = await make(pod(name, 0));
      await listed({ service: name }, [`${name}-0`]);
      const { cluster, one } = shared.pair({ members: { service: name, checkName: false } });
      const grant = held(await one.lock(lockOf('x'), call()));
      const record = recordOf(grant);
      await one.unlock(grant, { ...call(), record });
      const before = await shared.leases(cluster);
      const outcome = await one.register(registration(`${name}-0`), call());
      expect(outcome).toMatchObject({ kind: 'registered', record: { kind: 'present', record } });
      expect(registered(outcome)).toMatchObject({ node: `${name}-0`, instance: uid, ttlMs: undefined });
      await one.unregister(registered(outcome), call());
      expect(await shared.leases(cluster)).toEqual(before);
      expect((await one.list(call())).members).toHaveLength(1);
    });

    test('S54: a pod that is not listed yet waits, and is told who is', async () => {
      const name = await service();
      await make(pod(name, 0));
      await listed({ service: name }, [`${name}-0`]);
      const error = await failure(open({ service: name }).register(registration(`${name}-1`), call()));
      expect(error).toMatchObject({ code: 'STORE_FAILED', retryable: true, outcomeUnknown: false });
      expect(error.message).toContain(`does not list ${name}-1 yet: it lists ${name}-0`);
    });

    test('S50, S51: a name that does not resolve yet is told with its cure, and is good once it does', async () => {
      const name = await service();
      await make(pod(name, 0));
      const members = { service: name, address: 'dns', suffix: '.cluster.local' } as const;
      const host = `${name}-0.${name}.default.svc.cluster.local`;
      await listed(members, [host]);
      const backend = open({ ...members, checkName: true });
      const error = await failure(backend.register(registration(host), call()));
      expect(error).toMatchObject({ code: 'STORE_FAILED', retryable: true, outcomeUnknown: false });
      expect(error.message).toMatch(new RegExp(`${host} does not resolve.*${name} publishNotReadyAddresses: true`));
      resolvable.add(host);
      registered(await backend.register(registration(host), call()));
      // What once resolved is not asked for again at each renewal: a DNS that fails later harms nobody.
      resolvable.delete(host);
      registered(await backend.register(registration(host), call()));
    });
  });

  describe.concurrent('watch', () => {
    const changed = { done: false, value: 'changed' };

    test('tells of pods that come and go, and of the record', async () => {
      const name = await service();
      const { one, two } = shared.pair({ members: { service: name, checkName: false } });
      await one.list(call());
      const watch = one.watch?.(call())[Symbol.asyncIterator]();
      const first = pod(name, 0);
      await make(first);
      expect(await watch?.next()).toEqual(changed);
      await until('the pod is listed', async () => (await one.list(call())).members.length === 1);
      const grant = held(await two.lock(lockOf('x'), call()));
      const next = watch?.next();
      await two.unlock(grant, { ...call(), record: recordOf(grant) });
      expect(await next).toEqual(changed);
      await watch?.return?.();
    });
  });
});
