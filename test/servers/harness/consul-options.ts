import type { Certificates, KeyPair } from './certificates.ts';
import { LOOPBACK } from './ports.ts';

export interface ConsulTls {
  readonly certificates?: Certificates;
  /** Default true: a client without a certificate of our authority is refused. */
  readonly clientAuth?: boolean;
  readonly serverPair?: KeyPair;
}

export interface ConsulOptions {
  /**
   * `dev` (default): in memory, a leader in under a second, empty after a restart.
   * `server`: with a data folder, so that it keeps its data over a restart.
   */
  readonly mode?: 'dev' | 'server';
  /** Denies by default and gives the returned server a management token. */
  readonly acl?: boolean;
  readonly tls?: boolean | ConsulTls;
  /** Merged over the agent's configuration, top level keys only. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly readyWithinMs?: number;
  /** Instead of free ports, four for each member. A taken one is then an error. */
  readonly ports?: readonly number[];
}

export interface AgentPorts {
  readonly http: number;
  readonly https: number;
  readonly rpc: number;
  readonly gossip: number;
}

export interface ActiveConsulTls {
  readonly certificates: Certificates;
  readonly clientAuth: boolean;
  readonly serverPair: KeyPair;
}

export interface AgentPlan {
  readonly name: string;
  readonly folder: string;
  readonly ports: AgentPorts;
  readonly everyGossipPort: readonly number[];
  readonly options: ConsulOptions;
  readonly tls: ActiveConsulTls | undefined;
  readonly token: string | undefined;
}

const OFF = -1;

const aclConfig = (token: string) => ({
  acl: { enabled: true, default_policy: 'deny', tokens: { initial_management: token, agent: token } },
});

const tlsConfig = ({ certificates, serverPair, clientAuth }: ActiveConsulTls) => ({
  tls: {
    https: {
      ca_file: certificates.caFile,
      cert_file: serverPair.certFile,
      key_file: serverPair.keyFile,
      verify_incoming: clientAuth,
    },
  },
});

const storedConfig = (size: number, dataDir: string) => ({ server: true, bootstrap_expect: size, data_dir: dataDir });

export function agentConfig(plan: AgentPlan, dataDir: string): Record<string, unknown> {
  const { ports, tls, token, everyGossipPort } = plan;
  const others = everyGossipPort.filter((port) => port !== ports.gossip);
  return {
    node_name: plan.name,
    bind_addr: LOOPBACK,
    client_addr: LOOPBACK,
    disable_update_check: true,
    log_level: 'warn',
    ports: {
      http: ports.http,
      https: tls ? ports.https : OFF,
      server: ports.rpc,
      serf_lan: ports.gossip,
      serf_wan: OFF,
      dns: OFF,
      grpc: OFF,
      grpc_tls: OFF,
    },
    performance: { raft_multiplier: 1 },
    // The default of 200 is meant per machine; here all nodes of a test come from one address.
    limits: { http_max_conns_per_client: 4000 },
    ...(others.length > 0 ? { retry_join: others.map((port) => `${LOOPBACK}:${port}`), retry_interval: '500ms' } : {}),
    ...(plan.options.mode === 'server' ? storedConfig(everyGossipPort.length, dataDir) : {}),
    ...(token === undefined ? {} : aclConfig(token)),
    ...(tls ? tlsConfig(tls) : {}),
    ...plan.options.config,
  };
}

/** How the consul command reaches the agent. */
export function clientEnvironment(plan: AgentPlan, address: string): Record<string, string> {
  const { certificates, clientAuth } = plan.tls ?? {};
  const pair = clientAuth && certificates ? certificates.client : undefined;
  return {
    CONSUL_HTTP_ADDR: address,
    ...(plan.token === undefined ? {} : { CONSUL_HTTP_TOKEN: plan.token }),
    ...(certificates ? { CONSUL_CACERT: certificates.caFile } : {}),
    ...(pair ? { CONSUL_CLIENT_CERT: pair.certFile, CONSUL_CLIENT_KEY: pair.keyFile } : {}),
  };
}
