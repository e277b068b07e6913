import {
  invalidRange,
  invalidType,
  nameProblem,
  requireKnown,
  requireName,
  requireOneOf,
  requirePem,
  requirePrefix,
  requireText,
  requireWhole,
} from '@autocluster/core/backend';
import { type ConsulAddress, parseAddress } from './address.js';
import { type ConsulHost, parseHosts } from './hosts.js';

export type { ConsulAddress } from './address.js';

/** Each of the first three is PEM text, or the path of a file, which is read again for every new connection to an agent. */
export interface ConsulTlsOptions {
  /** The authorities to trust. Default: those that come with Node.js. */
  readonly ca?: string;
  /** Our own certificate, for agents that ask for one; together with `key`. */
  readonly cert?: string;
  readonly key?: string;
  /** The name that the agent's certificate must have. Default: the host of each agent. */
  readonly serverName?: string;
}

export interface ConsulOptions {
  /** The cluster that this backend is bound to: nodes with the same name find one another. Also a tag of the service. Required. */
  readonly cluster: string;
  /**
   * `http(s)://host:port`, `host:port` or `unix:///path` of one or more agents; the first that answers is used, and kept
   * until it fails. IPv6 addresses in brackets; port 8500, with https 8501, if there is none; without a scheme, `https`
   * when `tls` is given. Default `http://127.0.0.1:8500`.
   */
  readonly hosts?: string | readonly string[];
  /** Where the keys begin. Default `autocluster`; in the `rabbitmq` layout `rabbitmq`, as RabbitMQ itself. */
  readonly prefix?: string;
  /** `rabbitmq`: service and lock of RabbitMQ's own peer discovery, so that both see one another. Default `autocluster`. */
  readonly layout?: 'autocluster' | 'rabbitmq';
  /** The ACL token's secret. A function is asked anew when Consul does not know the token, so that it can be changed while we run. */
  readonly token?: string | (() => string);
  readonly tls?: ConsulTlsOptions;
  /** How long an agent may take to answer for the first time, in ms, from 100 to 60 000. Default 1000. */
  readonly connectTimeoutMs?: number;
  /** The datacenter in which the agents must be. Default: the agents' own. */
  readonly datacenter?: string;
  /** Consul Enterprise only. Default: the token's. */
  readonly namespace?: string;
  /** Consul Enterprise only. Default: the agent's. */
  readonly partition?: string;
  /** How long a lock whose holder died stays closed after its session has ended, in ms, from 0 to 60 000. Default 0. */
  readonly lockDelayMs?: number;
  /** The name of the service that members are instances of. Default: the layout's name. */
  readonly service?: string;
  /** The service's id at the agent. Default: from the names of service, cluster and node. */
  readonly serviceId?: string;
  /** The address that others find this member under. Default: that of the agent. */
  readonly address?: ConsulAddress;
  /** The port that others find this member under. Default: none. */
  readonly port?: number;
  /** Tags beside the name of the cluster. */
  readonly tags?: readonly string[];
  /** Meta data of the service beside our own. */
  readonly meta?: Readonly<Record<string, string>>;
  /** How long after the end of its TTL the agent removes the service of a member that died, in ms, from 60 000. Default 60 000. */
  readonly deregisterAfterMs?: number;
  /** Whether names of hosts have their domain, in `address` and in the names of native members. Default false. */
  readonly useLongname?: boolean;
  /** The domain that Consul answers DNS for, in the names of native members. `rabbitmq` layout only. Default `consul`. */
  readonly domain?: string;
  /** Whether native members whose checks warn are members. `rabbitmq` layout only. Default false. */
  readonly includeWarnings?: boolean;
}

export interface ServiceConfig {
  readonly name: string;
  readonly id: string | undefined;
  readonly address: ConsulAddress | undefined;
  readonly port: number | undefined;
  readonly tags: readonly string[];
  readonly meta: Readonly<Record<string, string>>;
  readonly deregisterAfterMs: number;
  readonly useLongname: boolean;
}

export interface ConsulConfig {
  readonly cluster: string;
  readonly hosts: readonly ConsulHost[];
  readonly prefix: string;
  readonly layout: 'autocluster' | 'rabbitmq';
  readonly token: (() => string) | undefined;
  readonly tls: ConsulTlsOptions;
  readonly connectTimeoutMs: number;
  /** Sent with every request. */
  readonly scope: Readonly<Record<string, string>>;
  readonly lockDelayMs: number;
  readonly service: ServiceConfig;
  readonly domain: string;
  readonly includeWarnings: boolean;
}

/** Consul reaps services whose check is critical no sooner, whatever it is told. */
const SHORTEST_DEREGISTER_MS = 60_000;
const YEAR_MS = 365 * 24 * 60 * 60 * 1000;
/** Ours, and Consul's. */
const RESERVED_META = /^(autocluster|consul)-/;
const KNOWN = [
  'cluster',
  'hosts',
  'prefix',
  'layout',
  'token',
  'tls',
  'connectTimeoutMs',
  'datacenter',
  'namespace',
  'partition',
  'lockDelayMs',
  'service',
  'serviceId',
  'address',
  'port',
  'tags',
  'meta',
  'deregisterAfterMs',
  'useLongname',
  'domain',
  'includeWarnings',
];
const KNOWN_TLS = ['ca', 'cert', 'key', 'serverName'];

function parseTls(value: unknown): ConsulTlsOptions | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'object' || value === null) throw invalidType('tls', value, 'an object');
  requireKnown(value, KNOWN_TLS, 'tls');
  const given = Object.entries(value).filter(([, each]) => each !== undefined);
  const tls: ConsulTlsOptions = Object.fromEntries(
    given.map(([name, each]) => [name, requirePem(`tls.${name}`, each)]),
  );
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    const missing = tls.cert === undefined ? 'tls.cert' : 'tls.key';
    throw invalidRange(missing, undefined, 'tls.cert and tls.key together');
  }
  return tls;
}

function parseToken(value: unknown): (() => string) | undefined {
  if (value === undefined) return undefined;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what it answers is looked at when it is called
  if (typeof value === 'function') return value as () => string;
  const fixed = requireText('token', value);
  return () => fixed;
}

function requireFlag(option: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw invalidType(option, value, 'true or false');
  return value;
}

function requireMatch(option: string, value: unknown, form: RegExp, allowed: string): string {
  const text = requireText(option, value);
  if (!form.test(text)) throw invalidRange(option, text, allowed);
  return text;
}

function parseTags(value: unknown): readonly string[] {
  if (!Array.isArray(value)) throw invalidType('tags', value, 'an array of texts');
  return value.map((each) => requireText('tags', each));
}

/** Consul's own limits, which it would tell only when a node is about to register. */
function parseMeta(value: unknown): Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidType('meta', value, 'an object of texts');
  }
  const pairs = Object.entries(value).map(([key, each]): [string, string] => {
    requireMatch('meta', key, /^[\w-]{1,128}$/, 'keys of 1 to 128 letters, digits, - and _');
    if (RESERVED_META.test(key)) {
      throw invalidRange('meta', key, "keys that begin with neither 'autocluster-' nor 'consul-'");
    }
    if (typeof each !== 'string') throw invalidType(`meta.${key}`, each, 'a text');
    if (Buffer.byteLength(each) > 512) throw invalidRange(`meta.${key}`, each, 'at most 512 bytes');
    return [key, each];
  });
  if (pairs.length > 48) throw invalidRange('meta', pairs.length, 'at most 48 keys');
  return Object.fromEntries(pairs);
}

function parseService(options: ConsulOptions, layout: ConsulConfig['layout']): ServiceConfig {
  const { service = layout, serviceId, port, tags = [], meta = {}, useLongname = false } = options;
  const { deregisterAfterMs = SHORTEST_DEREGISTER_MS } = options;
  const id = 'a text of letters, digits and . _ : @ ~ -';
  return {
    name: requireMatch('service', service, /^[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?$/i, 'a DNS label'),
    id: serviceId === undefined ? undefined : requireMatch('serviceId', serviceId, /^[\w.:@~-]+$/, id),
    address: parseAddress(options.address),
    port: port === undefined ? undefined : requireWhole('port', port, { min: 1, max: 65_535 }),
    tags: parseTags(tags),
    meta: parseMeta(meta),
    deregisterAfterMs: requireWhole('deregisterAfterMs', deregisterAfterMs, {
      min: SHORTEST_DEREGISTER_MS,
      max: YEAR_MS,
      unit: 'ms',
    }),
    useLongname: requireFlag('useLongname', useLongname),
  };
}

function parseScope({ datacenter, namespace, partition }: ConsulOptions): Readonly<Record<string, string>> {
  const given = Object.entries({ dc: { datacenter }, ns: { namespace }, partition: { partition } });
  return Object.fromEntries(
    given.flatMap(([parameter, option]) =>
      Object.entries(option).flatMap(([name, value]) =>
        value === undefined ? [] : [[parameter, requireMatch(name, value, /^[\w-]+$/, 'letters, digits, - and _')]],
      ),
    ),
  );
}

function parseNative(
  options: ConsulOptions,
  layout: ConsulConfig['layout'],
): { domain: string; includeWarnings: boolean } {
  const { domain, includeWarnings } = options;
  const misplaced = Object.entries({ domain, includeWarnings }).find(([, value]) => value !== undefined);
  if (layout !== 'rabbitmq' && misplaced) throw invalidRange(misplaced[0], misplaced[1], "layout: 'rabbitmq' with it");
  const isDomain = domain === undefined || nameProblem(requireText('domain', domain)) === undefined;
  if (!isDomain) throw invalidRange('domain', domain, 'the name of a domain');
  return {
    domain: domain ?? 'consul',
    includeWarnings: requireFlag('includeWarnings', includeWarnings ?? false),
  };
}

/** Checks the options once, at construction; each mistake is an `INVALID_OPTION` that names the option. */
export function parseOptions(options: ConsulOptions): ConsulConfig {
  if (typeof options !== 'object' || options === null) throw invalidType('options', options, 'an object');
  requireKnown(options, KNOWN, 'consul');
  const { hosts = 'http://127.0.0.1:8500', connectTimeoutMs = 1000, lockDelayMs = 0 } = options;
  const tls = parseTls(options.tls);
  const layout = requireOneOf('layout', options.layout ?? 'autocluster', ['autocluster', 'rabbitmq']);
  return {
    cluster: requireName('cluster', options.cluster),
    hosts: parseHosts(hosts, tls !== undefined),
    prefix: requirePrefix('prefix', options.prefix ?? layout),
    layout,
    token: parseToken(options.token),
    tls: tls ?? {},
    connectTimeoutMs: requireWhole('connectTimeoutMs', connectTimeoutMs, { min: 100, max: 60_000, unit: 'ms' }),
    scope: parseScope(options),
    lockDelayMs: requireWhole('lockDelayMs', lockDelayMs, { min: 0, max: 60_000, unit: 'ms' }),
    service: parseService(options, layout),
    ...parseNative(options, layout),
  };
}
