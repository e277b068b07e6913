import {
  invalidRange,
  invalidType,
  requireKnown,
  requireName,
  requireOneOf,
  requirePem,
  requireText,
} from '@autocluster/core/backend';

/** Each of the first three is PEM text, or the path of a file, which is read again while we run. */
export interface KubernetesTlsOptions {
  /** The authorities to trust. Default: in a pod its ServiceAccount's, elsewhere those that come with Node.js. */
  readonly ca?: string;
  /** Our own certificate, for a user that is one; together with `key`. */
  readonly cert?: string;
  readonly key?: string;
  /** The name that the server's certificate must have. Default: the host of `server`. */
  readonly serverName?: string;
  /** `false`: any certificate is trusted, and with it whoever answers. Default `true`. */
  readonly verify?: boolean;
}

/** Members are the pods of a Service, as its EndpointSlices list them. */
export interface PlatformMembers {
  /** Name of the Service; headless, with `publishNotReadyAddresses: true`. Required. */
  readonly service: string;
  /** Whether pods that are not ready count as members; before a cluster is formed none is ready. Default `true`. */
  readonly includeNotReady?: boolean;
  /** What a member is called after: its IP address, its host name, or `host name.service.namespace.svc`. Default `hostname`. */
  readonly address?: 'ip' | 'hostname' | 'dns';
  /** Which addresses count on a cluster with both. Default `IPv4`; `ip` names depend on it. */
  readonly addressType?: 'IPv4' | 'IPv6';
  /** Text before each address, e.g. `rabbit@`. Default: none. */
  readonly prefix?: string;
  /** Text after each address, e.g. `.cluster.local`. Default: none. */
  readonly suffix?: string;
  /**
   * Whether the own address, with its suffix, must resolve before the node counts as registered, as the daemon will have to
   * resolve it. Default `true`; without meaning for `ip`.
   */
  readonly checkName?: boolean;
}

/** The Pod that Leases of members belong to, so that they go with it. */
export interface PodReference {
  readonly name: string;
  readonly uid: string;
}

export interface KubernetesOptions {
  /** The cluster that this backend is bound to: nodes with the same name and namespace find one another. Required. */
  readonly cluster: string;
  /** Default: in a pod its own, with a kubeconfig that of the context, else `default`. */
  readonly namespace?: string;
  /** `https://host:port` of the API server; IPv6 addresses in brackets. Default: what a pod finds in its environment. */
  readonly server?: string;
  /** A function is asked again every minute, and when the token is refused. Default: in a pod its ServiceAccount's. */
  readonly token?: string | (() => string);
  /** A file with the token, which is read again every minute, and when the token is refused. */
  readonly tokenFile?: string;
  readonly tls?: KubernetesTlsOptions;
  /** Path of a kubeconfig, instead of `server`, `token`, `tokenFile` and `tls`. `true`: the file that `kubectl` would take. */
  readonly kubeconfig?: string | true;
  /** Another context of the kubeconfig than its current one. */
  readonly context?: string;
  /** `explicit` (default): each node keeps a Lease of its own. An object: the pods of a Service are the members. */
  readonly members?: 'explicit' | PlatformMembers;
  /** Default: the Pod that the variables `POD_NAME` and `POD_UID` name; without them none. */
  readonly owner?: PodReference | 'none';
}

export interface TlsConfig extends KubernetesTlsOptions {
  readonly verify: boolean;
}

export interface DirectAccess {
  readonly kind: 'direct';
  readonly server: string;
  readonly namespace: string | undefined;
  readonly namespaceFile: string | undefined;
  readonly token: (() => string) | undefined;
  readonly tokenFile: string | undefined;
  readonly tls: TlsConfig;
}

export interface KubeconfigAccess {
  readonly kind: 'kubeconfig';
  readonly file: string | undefined;
  readonly context: string | undefined;
  readonly namespace: string | undefined;
}

export type PlatformConfig = Required<PlatformMembers>;

export interface KubernetesConfig {
  readonly cluster: string;
  readonly access: DirectAccess | KubeconfigAccess;
  readonly members: 'explicit' | PlatformConfig;
  readonly owner: PodReference | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

const KNOWN = [
  'cluster',
  'namespace',
  'server',
  'token',
  'tokenFile',
  'tls',
  'kubeconfig',
  'context',
  'members',
  'owner',
];
const KNOWN_TLS = ['ca', 'cert', 'key', 'serverName', 'verify'];
const KNOWN_MEMBERS = ['service', 'includeNotReady', 'address', 'addressType', 'prefix', 'suffix', 'checkName'];
const SERVER_FORM = 'https://host:port or http://host:port, an IPv6 address in brackets, no password';
const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

function requireLabel(option: string, value: unknown): string {
  const text = requireText(option, value);
  const allowed = 'a name of Kubernetes: at most 63 small letters, digits and hyphens, none of them at an end';
  if (text.length > 63 || !LABEL.test(text)) throw invalidRange(option, text, allowed);
  return text;
}

function requireFlag(option: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw invalidType(option, value, 'true or false');
}

/** Text that may be part of a node's name. */
function requireAffix(option: string, value: unknown): string {
  if (typeof value !== 'string') throw invalidType(option, value, 'a string');
  return value === '' ? value : requireName(option, value);
}

function requireObject(option: string, value: unknown): object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw invalidType(option, value, 'an object');
}

function parseServer(value: unknown): string {
  const text = requireText('server', value);
  // A URL with a password in it must not be shown.
  const shown = text.includes('@') ? '<hidden>' : text;
  if (!URL.canParse(text)) throw invalidRange('server', shown, SERVER_FORM);
  const { protocol, username, password, search, hash, hostname, origin, pathname } = new URL(text);
  const extra = `${username}${password}${search}${hash}`;
  const isWeb = protocol === 'https:' || protocol === 'http:';
  if (!isWeb || extra !== '' || hostname === '') throw invalidRange('server', shown, SERVER_FORM);
  return `${origin}${pathname}`.replace(/\/+$/, '');
}

function parseTls(value: unknown): TlsConfig {
  if (value === undefined) return { verify: true };
  const given = requireObject('tls', value);
  requireKnown(given, KNOWN_TLS, 'tls');
  const { verify = true, ...texts }: KubernetesTlsOptions = given;
  const set = Object.entries(texts).filter(([, each]) => each !== undefined);
  const tls = Object.fromEntries(set.map(([name, each]) => [name, requirePem(`tls.${name}`, each)]));
  if ((tls['cert'] === undefined) !== (tls['key'] === undefined)) {
    const missing = tls['cert'] === undefined ? 'tls.cert' : 'tls.key';
    throw invalidRange(missing, undefined, 'tls.cert and tls.key together');
  }
  return { ...tls, verify: requireFlag('tls.verify', verify) };
}

function parseToken({ token, tokenFile }: KubernetesOptions): Pick<DirectAccess, 'token' | 'tokenFile'> {
  if (token !== undefined && tokenFile !== undefined) {
    throw invalidRange('tokenFile', tokenFile, 'either token or tokenFile');
  }
  if (typeof token === 'function') return { token, tokenFile: undefined };
  const fixed = token === undefined ? undefined : requireText('token', token);
  return {
    token: fixed === undefined ? undefined : () => fixed,
    tokenFile: tokenFile === undefined ? undefined : requireText('tokenFile', tokenFile),
  };
}

function parseKubeconfig(options: KubernetesOptions, namespace: string | undefined): KubeconfigAccess {
  const { kubeconfig, context } = options;
  for (const name of ['server', 'token', 'tokenFile', 'tls'] as const) {
    if (options[name] !== undefined) throw invalidRange(name, options[name], 'nothing, since kubeconfig is given');
  }
  return {
    kind: 'kubeconfig',
    file: kubeconfig === true ? undefined : requireText('kubeconfig', kubeconfig),
    context: context === undefined ? undefined : requireText('context', context),
    namespace,
  };
}

/** Inside a pod the environment names the server, and files name the rest; each option replaces its part. */
function parsePod(options: KubernetesOptions, namespace: string | undefined, env: Environment): DirectAccess {
  const host = env['KUBERNETES_SERVICE_HOST'];
  if (!host) {
    const allowed =
      'the address of the API server, or a kubeconfig, since KUBERNETES_SERVICE_HOST is not set: this is no pod';
    throw invalidRange('server', undefined, allowed);
  }
  const port = env['KUBERNETES_SERVICE_PORT'] || '443';
  const server = parseServer(`https://${host.includes(':') ? `[${host}]` : host}:${port}`);
  const tls = parseTls(options.tls);
  const given = parseToken(options);
  const tokenFile = given.token === undefined && tls.cert === undefined ? `${ACCOUNT}/token` : undefined;
  return {
    kind: 'direct',
    server,
    namespace,
    namespaceFile: `${ACCOUNT}/namespace`,
    token: given.token,
    tokenFile: given.tokenFile ?? tokenFile,
    tls: { ...tls, ca: tls.ca ?? `${ACCOUNT}/ca.crt` },
  };
}

function parseAccess(options: KubernetesOptions, env: Environment): DirectAccess | KubeconfigAccess {
  const namespace = options.namespace === undefined ? undefined : requireLabel('namespace', options.namespace);
  if (options.kubeconfig !== undefined) return parseKubeconfig(options, namespace);
  if (options.context !== undefined) throw invalidRange('context', options.context, 'nothing without kubeconfig');
  if (options.server === undefined) return parsePod(options, namespace, env);
  const server = parseServer(options.server);
  const tls = parseTls(options.tls);
  if (options.tls !== undefined && server.startsWith('http:')) {
    throw invalidRange('server', server, 'https, since tls is given');
  }
  return { kind: 'direct', server, namespace, namespaceFile: undefined, ...parseToken(options), tls };
}

function parseMembers(value: unknown): 'explicit' | PlatformConfig {
  if (value === undefined || value === 'explicit') return 'explicit';
  if (typeof value !== 'object' || value === null) throw invalidType('members', value, "'explicit' or { service: … }");
  requireKnown(value, KNOWN_MEMBERS, 'members');
  const members: Partial<PlatformMembers> = value;
  const { includeNotReady = true, address = 'hostname', addressType = 'IPv4', checkName = true } = members;
  return {
    service: requireLabel('members.service', members.service),
    includeNotReady: requireFlag('members.includeNotReady', includeNotReady),
    address: requireOneOf('members.address', address, ['ip', 'hostname', 'dns']),
    addressType: requireOneOf('members.addressType', addressType, ['IPv4', 'IPv6']),
    prefix: requireAffix('members.prefix', members.prefix ?? ''),
    suffix: requireAffix('members.suffix', members.suffix ?? ''),
    checkName: requireFlag('members.checkName', checkName),
  };
}

function parseOwner(value: unknown, env: Environment): PodReference | undefined {
  if (value === 'none') return undefined;
  if (value === undefined) {
    const { POD_NAME: name, POD_UID: uid } = env;
    return name && uid ? { name, uid } : undefined;
  }
  const owner = requireObject('owner', value);
  requireKnown(owner, ['name', 'uid'], 'owner');
  const { name, uid }: Partial<PodReference> = owner;
  return { name: requireText('owner.name', name), uid: requireText('owner.uid', uid) };
}

/** Checks the options once, at construction; each mistake is an `INVALID_OPTION` that names the option. */
export function parseOptions(options: KubernetesOptions, env: Environment = process.env): KubernetesConfig {
  if (typeof options !== 'object' || options === null) throw invalidType('options', options, 'an object');
  requireKnown(options, KNOWN, 'kubernetes');
  return {
    cluster: requireName('cluster', options.cluster),
    access: parseAccess(options, env),
    members: parseMembers(options.members),
    owner: parseOwner(options.owner, env),
  };
}
