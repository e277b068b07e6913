import type { Entry } from '@autocluster/core/backend';
import { addressOf } from './address.js';
import type { ConsulConfig } from './config.js';

/** One member as others find it in Consul: what its agent is told. */
export interface ServiceDefinition {
  readonly id: string;
  readonly aliveCheck: string;
  readonly readyCheck: string;
  /** JSON text. */
  readonly text: string;
}

export const META = {
  cluster: 'autocluster-cluster',
  node: 'autocluster-node',
  instance: 'autocluster-instance',
  state: 'autocluster-state',
  clusterId: 'autocluster-cluster-id',
  generation: 'autocluster-generation',
} as const;

/** By which RabbitMQ's own peer discovery knows the name of a node. */
export const NATIVE_NAME = 'erlang-node-name';

/** The `ready` check is set, and does not lapse by itself: that is what the `alive` check is for. */
const NEVER = '87600h';

// What a filter of Consul can hold between quotes; and Consul's catalog takes A and a for one.
const UNSAFE = /[^a-z\d_.:@~-]/gu;

const percent = (char: string): string => Buffer.from(char).toString('hex').replace(/../g, '%$&');

const idPart = (name: string): string => name.replace(UNSAFE, percent);

export function serviceIdOf({ cluster, service }: ConsulConfig, node: string): string {
  return service.id ?? [service.name, idPart(cluster), idPart(node)].join('-');
}

function metaOf({ cluster, layout, service }: ConsulConfig, entry: Entry): Record<string, string> {
  const { node, instance, state, identity } = entry;
  return {
    ...service.meta,
    ...(layout === 'rabbitmq' ? { [NATIVE_NAME]: node } : {}),
    [META.cluster]: cluster,
    [META.node]: node,
    [META.instance]: instance,
    [META.state]: state,
    ...(identity ? { [META.clusterId]: identity.clusterId, [META.generation]: String(identity.generation) } : {}),
  };
}

/** Ready members are those whose checks all pass; the rest is listed, and offered to nobody. */
export const readyStatus = ({ state }: Pick<Entry, 'state'>): 'passing' | 'critical' =>
  state === 'ready' ? 'passing' : 'critical';

export function definitionOf(config: ConsulConfig, entry: Entry): ServiceDefinition {
  const { cluster, service } = config;
  const { name, port, tags, deregisterAfterMs, useLongname } = service;
  const id = serviceIdOf(config, entry.node);
  const address = addressOf(service.address, entry.node, useLongname);
  const [aliveCheck, readyCheck] = [`${id}:alive`, `${id}:ready`];
  const alive = {
    CheckID: aliveCheck,
    Name: 'alive',
    Notes: 'Passes while the member renews its registration.',
    TTL: `${Math.ceil((entry.ttlMs ?? 0) / 1000)}s`,
    Status: 'passing',
    DeregisterCriticalServiceAfter: `${Math.ceil(deregisterAfterMs / 1000)}s`,
  };
  const ready = {
    CheckID: readyCheck,
    Name: 'ready',
    Notes: 'Passes while the member is part of its cluster and ready to be joined.',
    TTL: NEVER,
    Status: readyStatus(entry),
  };
  const text = JSON.stringify({
    ID: id,
    Name: name,
    Tags: [cluster, ...tags],
    ...(address === undefined ? {} : { Address: address }),
    ...(port === undefined ? {} : { Port: port }),
    Meta: metaOf(config, entry),
    Checks: [alive, ready],
  });
  return { id, aliveCheck, readyCheck, text };
}
