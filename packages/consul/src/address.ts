import { hostname, networkInterfaces } from 'node:os';
import {
  ClusterError,
  invalidRange,
  invalidType,
  requireKnown,
  requireOneOf,
  requireText,
} from '@autocluster/core/backend';

/**
 * The address that others find a member under: a text as it is; `hostname`: this machine's name, without its domain
 * unless `useLongname`; `interface`: the first address of a network interface; `node`: what follows the `@` of the node's name.
 */
export type ConsulAddress =
  | string
  | { readonly from: 'hostname' }
  | { readonly from: 'interface'; readonly name: string /** Default IPv4. */; readonly family?: 'IPv4' | 'IPv6' }
  | { readonly from: 'node' };

/** Nobody finds a member under them, and Consul refuses them, at the first registration only. */
const EVERYWHERE = ['0.0.0.0', '::', '[::]'];

export function parseAddress(value: unknown): ConsulAddress | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string') {
    if (EVERYWHERE.includes(value)) throw invalidRange('address', value, 'an address of this machine alone');
    return requireText('address', value);
  }
  if (typeof value !== 'object' || value === null) throw invalidType('address', value, 'a text or an object');
  const { from, name, family = 'IPv4' }: { from?: unknown; name?: unknown; family?: unknown } = value;
  const source = requireOneOf('address.from', from, ['hostname', 'interface', 'node']);
  if (source !== 'interface') {
    requireKnown(value, ['from'], 'address');
    return { from: source };
  }
  requireKnown(value, ['from', 'name', 'family'], 'address');
  return {
    from: source,
    name: requireText('address.name', name),
    family: requireOneOf('address.family', family, ['IPv4', 'IPv6']),
  };
}

const isName = (host: string): boolean => !/^[\d.]+$|:/.test(host);

/** A host's name up to its first dot; addresses as they are. */
export const shortHost = (host: string): string => (isName(host) ? host.replace(/\..*$/s, '') : host);

function ofInterface(name: string, family: 'IPv4' | 'IPv6'): string {
  const all = networkInterfaces();
  const found = all[name]?.find((each) => each.family === family && !each.address.startsWith('fe80:'));
  if (found !== undefined) return found.address;
  const known = `an interface with an ${family} address, of ${Object.keys(all).join(', ')}`;
  throw invalidRange('address.name', name, known);
}

/** The address to register; undefined leaves it to Consul, which gives that of the agent. */
export function addressOf(source: ConsulAddress | undefined, node: string, useLongname: boolean): string | undefined {
  if (source === undefined || typeof source === 'string') return source;
  if (source.from === 'interface') return ofInterface(source.name, source.family ?? 'IPv4');
  if (source.from === 'hostname') return useLongname ? hostname() : shortHost(hostname());
  const host = node.slice(node.indexOf('@') + 1);
  if (host !== '') return host;
  throw new ClusterError('UNSUPPORTED', `address from 'node': ${JSON.stringify(node)} has nothing after its @`);
}
