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

/** What happens in each second of a span; of what is open, how much is at its end. */
async function ratesOf(server: KubernetesServer, seconds: number): Promise<ReadonlyMap<string, number>> {
  const before = await metrics(server);
  // The span itself.
  await delay(seconds * 1000);
  const after = [...(await metrics(server))].toSorted(([one], [other]) => (one < other ? -1 : 1));
  const changed = after.filter(([key, is]) => key.startsWith('open') || is > (before.get(key) ?? 0));
  return new Map(
    changed.map(([key, is]) => [key, key.startsWith('open') ? is : (is - (before.get(key) ?? 0)) / seconds]),
  );
}

/** What a formation leaves to be done fades: the first span in which hardly less is asked than in the one before counts. */
async function steadyRates(server: KubernetesServer, seconds: number): Promise<ReadonlyMap<string, number>> {
  const asked = (rates: ReadonlyMap<string, number>) =>
    [...rates].reduce((sum, [key, rate]) => sum + (key.startsWith('requests') ? rate : 0), 0);
  let rates = await ratesOf(server, seconds);
  for (let last = Infinity; asked(rates) < 0.95 * last; rates = await ratesOf(server, seconds)) {
    last = asked(rates);
    console.log(`  ${last.toFixed(2)} requests a second in ${seconds} s`);
  }
  return rates;
}

async function measure(source: Source, count: number, seconds: number): Promise<void> {
  const server = await startKubernetes({ controllers: source === 'platform' });
  const startedMs = performance.now();
  const nodes = await launch(server, source, count);
  console.log(`${source}: ${count} nodes formed after ${Math.round(performance.now() - startedMs)} ms`);
  const sees = ({ view }: ClusterNode) => view.kind === 'known' && view.members.length === count;
  await until('all see all', () => nodes.every(sees), { withinMs: 60_000 });
  // From then on nothing is left to do but to stay: the record counts all of them, and each agrees with another.
  const isWell = async (node: ClusterNode) => (await node.health()).status === 'ok';
  const areWell = async () => (await Promise.all(nodes.map(isWell))).every(Boolean);
  await until('all are well', areWell, { withinMs: 120_000, everyMs: 1000 });
  for (const [key, rate] of await steadyRates(server, seconds)) {
    console.log(key.startsWith('open') ? `  ${key}: ${rate}` : `  ${key}: ${rate.toFixed(2)} a second`);
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
