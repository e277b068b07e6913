import type { Certificates, KeyPair } from './certificates.ts';

export interface EtcdTls {
  /** Made in the server's folder when left out. */
  readonly certificates?: Certificates;
  /** Default true: a client without a certificate of our authority is refused. */
  readonly clientAuth?: boolean;
  /** What the server shows, e.g. `certificates.expiredServer`. The harness's own etcdctl then cannot connect. */
  readonly serverPair?: KeyPair;
}

export interface EtcdUser {
  readonly name: string;
  readonly password: string;
  /** The user may read and write keys with this prefix; without it the user may nothing. */
  readonly prefix?: string;
}

export interface EtcdAuth {
  readonly rootPassword: string;
  readonly users?: readonly EtcdUser[];
}

export interface EtcdOptions {
  readonly tls?: boolean | EtcdTls;
  readonly auth?: EtcdAuth;
  readonly authTokenTtlSeconds?: number;
  readonly heartbeatMs?: number;
  readonly electionMs?: number;
  readonly quotaBytes?: number;
  readonly extraArgs?: readonly string[];
  readonly readyWithinMs?: number;
  /** Instead of free ports: three for each member, for clients, peers and metrics. A taken one is then an error. */
  readonly ports?: readonly number[];
}

export interface MemberPorts {
  readonly client: number;
  readonly peer: number;
  readonly metrics: number;
}

export interface ActiveTls {
  readonly certificates: Certificates;
  readonly clientAuth: boolean;
  readonly serverPair: KeyPair;
}

const flag = (name: string, value: number | undefined) => (value === undefined ? [] : [`--${name}=${value}`]);

export function tuningArgs(options: EtcdOptions): readonly string[] {
  return [
    ...flag('heartbeat-interval', options.heartbeatMs),
    ...flag('election-timeout', options.electionMs),
    ...flag('quota-backend-bytes', options.quotaBytes),
    ...flag('auth-token-ttl', options.authTokenTtlSeconds),
    ...(options.extraArgs ?? []),
  ];
}

export function tlsArgs(tls: ActiveTls | undefined): readonly string[] {
  if (tls === undefined) return [];
  const pair = [`--cert-file=${tls.serverPair.certFile}`, `--key-file=${tls.serverPair.keyFile}`];
  const clients = tls.clientAuth ? ['--client-cert-auth', `--trusted-ca-file=${tls.certificates.caFile}`] : [];
  return [...pair, ...clients];
}

/** How etcdctl reaches the server that these options describe, as root when there are users. */
export function clientArgs(tls: ActiveTls | undefined, auth: EtcdAuth | undefined): readonly string[] {
  const { caFile, client } = tls?.certificates ?? {};
  const trust = caFile === undefined ? [] : [`--cacert=${caFile}`];
  const pair = client && tls?.clientAuth ? [`--cert=${client.certFile}`, `--key=${client.keyFile}`] : [];
  return [...trust, ...pair, ...(auth ? [`--user=root:${auth.rootPassword}`] : [])];
}
