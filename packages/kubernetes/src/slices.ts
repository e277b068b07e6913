import { nameProblem, type Registration } from '@autocluster/core/backend';
import type { PlatformConfig } from './config.js';
import { type Fields, fieldsIn, textIn } from './lease.js';

/** One address of the Service, as an EndpointSlice tells it. */
interface Endpoint {
  readonly address: string;
  readonly hostname: string;
  readonly pod: string;
  readonly uid: string;
  readonly ready: boolean;
  readonly alive: boolean;
}

export interface Skipped {
  readonly key: string;
  readonly reason: string;
}

const listIn = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const shown = (text: string): string => JSON.stringify(text.slice(0, 300)).slice(1, -1);

function endpointOf(value: unknown): Endpoint {
  const { addresses, hostname, targetRef, conditions } = fieldsIn(value);
  const { kind, name, uid } = fieldsIn(targetRef);
  const { ready, serving, terminating } = fieldsIn(conditions);
  const address = textIn(listIn(addresses)[0]);
  const isPod = kind === 'Pod';
  return {
    address,
    hostname: textIn(hostname),
    pod: isPod ? textIn(name) : '',
    // Endpoints that somebody wrote by hand have no Pod: there the address is all that tells one from another.
    uid: (isPod && textIn(uid)) || address,
    // Kubernetes says to take an unknown condition for a good one.
    ready: ready !== false,
    alive: terminating !== true || serving === true,
  };
}

/** The part of a member's name that the daemon resolves; undefined when the endpoint has none. */
function hostOf(config: PlatformConfig, namespace: string, { address, hostname }: Endpoint): string | undefined {
  if (config.address === 'ip') return address === '' ? undefined : `${address}${config.suffix}`;
  if (hostname === '') return undefined;
  const domain = config.address === 'dns' ? `.${config.service}.${namespace}.svc` : '';
  return `${hostname}${domain}${config.suffix}`;
}

function read(config: PlatformConfig, namespace: string, endpoint: Endpoint): Registration | Skipped {
  const { service, prefix } = config;
  const { pod, address, uid, ready } = endpoint;
  const key = shown(pod || address);
  const host = hostOf(config, namespace, endpoint);
  if (host === undefined) {
    const reason = `it has no ${config.address === 'ip' ? 'address' : 'host name'}`;
    const help = `only pods whose spec names the Service ${service} as its subdomain have one, as those of a StatefulSet do`;
    return { key, reason: config.address === 'ip' ? reason : `${reason}: ${help}` };
  }
  const node = `${prefix}${host}`;
  const problem = nameProblem(node);
  if (problem !== undefined) return { key, reason: `${shown(node)} is no name: ${problem}` };
  const unknown = { identity: undefined, recordVersion: undefined, metadata: {}, order: undefined };
  return { node, instance: uid, state: ready ? 'ready' : 'joining', ...unknown, ref: uid, ttlMs: undefined };
}

export interface PodList {
  readonly members: readonly Registration[];
  readonly skipped: readonly Skipped[];
}

/** The members in all slices of a Service: each pod once, however many slices and ports name it. */
export function membersIn(config: PlatformConfig, namespace: string, slices: readonly unknown[]): PodList {
  const byPod = new Map<string, Registration | Skipped>();
  for (const slice of slices) {
    const { addressType, endpoints }: Fields = fieldsIn(slice);
    if (addressType !== config.addressType) continue;
    for (const endpoint of listIn(endpoints).map(endpointOf)) {
      const counts = endpoint.ready || (config.includeNotReady && endpoint.alive);
      if (counts) byPod.set(endpoint.uid, read(config, namespace, endpoint));
    }
  }
  const all = [...byPod.values()];
  return { members: all.filter((each) => 'node' in each), skipped: all.filter((each) => 'reason' in each) };
}

/** The host part of a node's name, which the daemon resolves; undefined when the name is not of this form. */
export function hostIn({ prefix }: PlatformConfig, node: string): string | undefined {
  return node.startsWith(prefix) ? node.slice(prefix.length) : undefined;
}
