import { lookup } from 'node:dns/promises';
import type { MemberList, RegisterOutcome, RegisterRequest, Registration } from '@autocluster/core/backend';
import { ClusterError } from '@autocluster/core/backend';
import type { PlatformConfig } from './config.js';
import { followLease, Watched } from './events.js';
import type { Exchange } from './exchange.js';
import { findLease, listAll } from './leases.js';
import type { Members } from './members.js';
import { hostIn, membersIn, type PodList } from './slices.js';
import { readRecord, recordIn, type Store } from './store.js';
import { isLeaseNews, Marks } from './watch.js';

const SERVICE = 'kubernetes.io/service-name';

interface Pods extends PodList {
  readonly revision: bigint;
}

/** The pods of the Service. One that does not exist, or selects nothing by itself, has no slice at all: never an empty list. */
async function listPods({ client }: Store, exchange: Exchange, config: PlatformConfig): Promise<Pods> {
  const { service } = config;
  const query = { labelSelector: `${SERVICE}=${service}` };
  const listed = await listAll(client, exchange, { verb: 'list', resource: 'endpointslices', query });
  const namespace = client.namespace ?? '';
  if (listed.items.length === 0) {
    const text = `no EndpointSlice of the Service ${service} in namespace ${namespace}: does the Service exist, and has it a selector?`;
    throw new ClusterError('STORE_FAILED', text, { operation: exchange.operation, outcomeUnknown: false });
  }
  return { ...membersIn(config, namespace, listed.items), revision: listed.resourceVersion };
}

function notListed(
  exchange: Exchange,
  { service, includeNotReady }: PlatformConfig,
  node: string,
  pods: Pods,
): ClusterError {
  const others = pods.members.map((member) => member.node).slice(0, 5);
  const listed = others.length === 0 ? 'it lists nobody' : `it lists ${others.join(', ')}`;
  const hint = includeNotReady ? '' : ' (includeNotReady is false, so a pod counts once it is ready)';
  const text = `the Service ${service} does not list ${node} yet: ${listed}${hint}`;
  return new ClusterError('STORE_FAILED', text, { operation: exchange.operation, outcomeUnknown: false });
}

/** The daemon will have to resolve its own name as others will: better said here than found out by a cluster that split. */
async function requireResolvable(exchange: Exchange, { service }: PlatformConfig, host: string): Promise<void> {
  try {
    await exchange.unlessAborted(lookup(host));
  } catch (error) {
    if (exchange.signal.aborted) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    const help = `has the headless Service ${service} publishNotReadyAddresses: true, and is the suffix that of this cluster's domain?`;
    const text = `the own name ${host} does not resolve: ${reason}; ${help} It may also take half a minute to appear`;
    throw new ClusterError('STORE_FAILED', text, {
      operation: exchange.operation,
      outcomeUnknown: false,
      cause: error,
    });
  }
}

/** Members are pods that the platform lists; nothing is written for them. */
export function platformMembers(store: Store, config: PlatformConfig): Members {
  const { client, keys } = store;
  const marks = new Marks(keys);
  const resolved = new Set<string>();
  let from: { readonly pods: string; readonly formation: string | undefined } | undefined;

  async function register(exchange: Exchange, { node }: RegisterRequest): Promise<RegisterOutcome> {
    const pods = await listPods(store, exchange, config);
    const registration = pods.members.find((member) => member.node === node);
    if (registration === undefined) throw notListed(exchange, config, node, pods);
    const host = config.checkName && config.address !== 'ip' ? hostIn(config, node) : undefined;
    if (host !== undefined && !resolved.has(host)) {
      await requireResolvable(exchange, config, host);
      resolved.add(host);
    }
    return { kind: 'registered', registration, record: await readRecord(store, exchange) };
  }

  /** Members first: who reads the record first may miss the member that wrote it. */
  async function list(exchange: Exchange): Promise<MemberList> {
    const { members, skipped, revision } = await listPods(store, exchange, config);
    const formation = await findLease(client, exchange, keys.formation);
    const identity = await store.identity(exchange, formation);
    marks.replace(formation === undefined ? [] : [formation]);
    from = { pods: revision.toString(), formation: formation?.resourceVersion };
    return { members, record: recordIn(formation), complete: true, skipped, revision, store: identity };
  }

  async function follow(exchange: Exchange, ring: () => void): Promise<void> {
    // Without a list before it, everything may be news.
    if (from === undefined) ring();
    const query = { labelSelector: `${SERVICE}=${config.service}` };
    const pods = new Watched({ resource: 'endpointslices', query }, from?.pods);
    const formation = { name: keys.formation, from: from?.formation };
    // The first to end ends the other, with the exchange.
    await Promise.race([
      pods.follow(store, exchange, ring),
      followLease(store, exchange, formation, (event) => {
        if (isLeaseNews(store, marks, exchange, event)) ring();
      }),
    ]);
  }

  const unregister = (_exchange: Exchange, _registration: Registration): Promise<void> => Promise.resolve();
  return { register, unregister, list, follow };
}
