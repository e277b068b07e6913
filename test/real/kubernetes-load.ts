import { parseArgs } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';
import { createClusterNode, processDriver, type ClusterNode } from '@autocluster/core';
import { systemRuntime } from '@autocluster/core/runtime';
import { kubernetes } from '@autocluster/kubernetes';
import { daemonWorld } from '@autocluster/testing';
import { makeMachine, makePod, makeService, NAMESPACE } from '../backends/kubernetes.ts';
import { type KubernetesServer, startKubernetes, until } from '../servers/harness/index.ts';

type Source = 'explicit' | 'platform';

async function metrics(server: KubernetesServer): Promise<ReadonlyMap<string, number>> {
  const { body } = await server.api('/metrics');
  const found = new Map<string, number>();
  for (const line of String(body).split('\n')) {
    const [, name = '', labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    const label = (key: string) => new RegExp(`${key}="([^"]*)"`).exec(labels)?.[1] ?? '';
    let key = '';
    if (name === 'apiserver_request_total' && ['leases', 'endpointslices', 'namespaces'].includes(label('resource'))) {
      key = `requests: ${label('verb')} ${label('resource')} ${label('code')}`;
    }
    if (name === 'etcd_requests_total') key = `to etcd: ${label('operation')} ${label('type')}`;
    if (
      name === 'apiserver_request_duration_seconds_sum' &&
      label('resource') === 'leases' &&
      label('verb') !== 'WATCH'
    ) {
      key = 'seconds of work for leases';
    }
    if (name === 'process_cpu_seconds_total') key = 'cpu seconds';
    if (name === 'apiserver_longrunning_requests' && ['leases', 'endpointslices'].includes(label('resource'))) {
      key = `open watches: ${label('resource')}`;
    }
    if (key !== '') found.set(key, (found.get(key) ?? 0) + Number(value));
  }
  return found;
}

async function launch(server: KubernetesServer, source: Source, count: number): Promise<readonly ClusterNode[]> {
  const names = Array.from({ length: count }, (_, index) => `n-${index}`);
  const service = 'load';
  if (source === 'platform') {
    await makeMachine(server);
    await makeService(server, service);
    for (const [index, name] of names.entries()) {
      await makePod(server, { name, service, hostname: name, ips: [`10.3.0.${index + 1}`] });
    }
  }
  const daemons = daemonWorld({ runtime: systemRuntime, data: 'durable', views: 'peer' });
  const nodes = names.map((node) => {
    const access = {
      server: server.server,
      token: server.adminToken,
      tls: { ca: server.caFile },
      namespace: NAMESPACE,
    };
    const members = source === 'platform' ? { service, checkName: false } : 'explicit';
    const backend = kubernetes({ cluster: `load-${source}`, ...access, members, owner: 'none' });
    const driver = source === 'platform' ? daemons.daemon(node) : processDriver({ node });
    return createClusterNode({ backend, driver });
  });
  await Promise.all(nodes.map((node) => node.start()));
  return nodes;
}

async function measure(source: Source, count: number, seconds: number): Promise<void> {
  const server = await startKubernetes({ controllers: source === 'platform' });
  const startedMs = performance.now();
  const nodes = await launch(server, source, count);
  console.log(`${source}: ${count} nodes formed after ${Math.round(performance.now() - startedMs)} ms`);
  const sees = ({ view }: ClusterNode) => view.kind === 'known' && view.members.length === count;
  await until('all see all', () => nodes.every(sees), { withinMs: 60_000 });
  await delay(20_000);
  const before = await metrics(server);
  await delay(seconds * 1000);
  const after = await metrics(server);
  for (const key of [...after.keys()].toSorted()) {
    const [was = 0, is = 0] = [before.get(key), after.get(key)];
    if (key.startsWith('open')) console.log(`  ${key}: ${is}`);
    else if (is > was) console.log(`  ${key}: ${((is - was) / seconds).toFixed(2)} a second`);
  }
  await Promise.all(nodes.map((node) => node.stop()));
  await server.stop();
}

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '50' },
    seconds: { type: 'string', default: '60' },
    source: { type: 'string' },
  },
});
for (const source of values.source ? [values.source as Source] : (['explicit', 'platform'] as const)) {
  await measure(source, Number(values.nodes), Number(values.seconds));
}
