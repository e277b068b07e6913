import {
  invalidRange,
  invalidType,
  requireKnown,
  requireName,
  requireOneOf,
  requirePem,
  requirePrefix,
  requireText,
  requireWhole,
} from '@autocluster/core/backend';

/** Each of the first three is PEM text, or the path of a file, which is read again for every new connection. */
export interface EtcdTlsOptions {
  /** The authorities to trust. Default: those that come with Node.js. */
  readonly ca?: string;
  /** Our own certificate, for servers that ask for one; together with `key`. */
  readonly cert?: string;
  readonly key?: string;
  /** The name that the server's certificate must have. Default: the host of each endpoint. */
  readonly serverName?: string;
}

export interface EtcdOptions {
  /** The cluster that this backend is bound to: nodes with the same name find one another. Required. */
  readonly cluster: string;
  /**
   * `http(s)://host:port` or `host:port` of one or more members of etcd; IPv6 addresses in brackets; port 2379 if there
   * is none; without a scheme, `https` when `tls` is given. Default `http://127.0.0.1:2379`.
   */
  readonly hosts?: string | readonly string[];
  /** Where the keys begin. Default `autocluster`; in the `rabbitmq` layout `rabbitmq`, as RabbitMQ itself. */
  readonly prefix?: string;
  /** `rabbitmq`: the keys of RabbitMQ's own peer discovery, so that both see one another. Default `autocluster`. */
  readonly layout?: 'autocluster' | 'rabbitmq';
  readonly user?: string;
  /** A function is asked anew for each authentication, so that the password can be changed while we run. */
  readonly password?: string | (() => string);
  readonly tls?: EtcdTlsOptions;
  /** How long an endpoint may take to answer for the first time, in ms, from 100 to 60 000. Default 2000. */
  readonly connectTimeoutMs?: number;
}

export interface EtcdCredentials {
  readonly user: string;
  readonly password: () => string;
}

export interface EtcdConfig {
  readonly cluster: string;
  readonly hosts: readonly EtcdHost[];
  readonly prefix: string;
  readonly layout: 'autocluster' | 'rabbitmq';
  readonly credentials: EtcdCredentials | undefined;
  readonly tls: EtcdTlsOptions;
  readonly connectTimeoutMs: number;
}

export interface EtcdHost {
  readonly secure: boolean;
  /** `host:port`. */
  readonly address: string;
  /** The host is this machine, or one on the same link: no proxy is asked. */
  readonly near: boolean;
}

const KNOWN = ['cluster', 'hosts', 'prefix', 'layout', 'user', 'password', 'tls', 'connectTimeoutMs'];
const KNOWN_TLS = ['ca', 'cert', 'key', 'serverName'];
const HOST = /^(?:(https?):\/\/)?(\[[0-9a-f:.]+\]|[^\s/:@[\]?#,;]+)(?::(\d{1,5}))?\/?$/i;
const NEAR = /^(?:localhost|127\.\d+\.\d+\.\d+|169\.254\.\d+\.\d+|\[::1\]|\[fe[89ab].*\])$/i;
const HOST_FORM =
  'http(s)://host:port or host:port, an IPv6 address in brackets, no path, no password; several as an array';

function parseHost(value: unknown, withTls: boolean): EtcdHost {
  const text = requireText('hosts', value);
  const [, scheme, host, port = '2379'] = HOST.exec(text) ?? [];
  // A URL with a password in it must not be shown.
  if (host === undefined) throw invalidRange('hosts', text.includes('@') ? '<hidden>' : text, HOST_FORM);
  if (Number(port) < 1 || Number(port) > 65_535) throw invalidRange('hosts', text, 'a port from 1 to 65535');
  const secure = scheme === undefined ? withTls : scheme.toLowerCase() === 'https';
  return { secure, address: `${host}:${port}`, near: NEAR.test(host) };
}

function parseHosts(value: unknown, withTls: boolean): readonly EtcdHost[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (list.length === 0) throw invalidRange('hosts', value, 'at least one host');
  const hosts = list.map((each) => parseHost(each, withTls));
  const secure = hosts.filter((host) => host.secure).length;
  if (secure !== 0 && secure !== hosts.length) throw invalidRange('hosts', value, 'either all https or all http');
  if (withTls && secure === 0) throw invalidRange('hosts', value, 'https, since tls is given');
  return hosts.filter(({ address }, index) => hosts.findIndex((other) => other.address === address) === index);
}

function parseTls(value: unknown): EtcdTlsOptions | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'object' || value === null) throw invalidType('tls', value, 'an object');
  requireKnown(value, KNOWN_TLS, 'tls');
  const given = Object.entries(value).filter(([, each]) => each !== undefined);
  const tls: EtcdTlsOptions = Object.fromEntries(given.map(([name, each]) => [name, requirePem(`tls.${name}`, each)]));
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    const missing = tls.cert === undefined ? 'tls.cert' : 'tls.key';
    throw invalidRange(missing, undefined, 'tls.cert and tls.key together');
  }
  return tls;
}

function parseCredentials({ user, password }: EtcdOptions): EtcdCredentials | undefined {
  if (user === undefined && password === undefined) return undefined;
  if (user === undefined) throw invalidRange('user', undefined, 'a user for the given password');
  if (password === undefined) throw invalidRange('password', undefined, 'a password for the given user');
  const name = requireText('user', user);
  if (typeof password === 'function') return { user: name, password };
  const fixed = requireText('password', password);
  return { user: name, password: () => fixed };
}

/** Checks the options once, at construction; each mistake is an `INVALID_OPTION` that names the option. */
export function parseOptions(options: EtcdOptions): EtcdConfig {
  if (typeof options !== 'object' || options === null) throw invalidType('options', options, 'an object');
  requireKnown(options, KNOWN, 'etcd');
  const { layout = 'autocluster', hosts = 'http://127.0.0.1:2379', connectTimeoutMs = 2000 } = options;
  const tls = parseTls(options.tls);
  const chosen = requireOneOf('layout', layout, ['autocluster', 'rabbitmq']);
  return {
    cluster: requireName('cluster', options.cluster),
    hosts: parseHosts(hosts, tls !== undefined),
    prefix: requirePrefix('prefix', options.prefix ?? chosen),
    layout: chosen,
    credentials: parseCredentials(options),
    tls: tls ?? {},
    connectTimeoutMs: requireWhole('connectTimeoutMs', connectTimeoutMs, { min: 100, max: 60_000, unit: 'ms' }),
  };
}
