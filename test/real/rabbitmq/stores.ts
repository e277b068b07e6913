import { consul } from '@autocluster/consul';
import type { Backend } from '@autocluster/core/backend';
import { etcd } from '@autocluster/etcd';
import { kubernetes } from '@autocluster/kubernetes';
import {
  makeMachine,
  makePod,
  makeService,
  removePod,
  setReady,
  shippedRole,
  tokenWith,
  type PodOptions,
} from '../../backends/kubernetes.ts';
import { startConsul, startEtcd, startKubernetes } from '../../servers/harness/index.ts';
import type { StoreSpec } from './fleet.ts';

/** A backend as the nodes make it. */
export function backendOf({ kind, ...options }: StoreSpec): Backend {
  // Each checks its own options.
  const make = { etcd, consul, kubernetes }[kind] as (options: object) => Backend;
  return make(options);
}

export const STORES = ['etcd', 'consul', 'kubernetes', 'pods'] as const;
export type StoreName = (typeof STORES)[number];

export interface ScenarioStore {
  readonly spec: StoreSpec;
  /** Ends the store, for good; what a node that starts now is told about it. */
  readonly away: () => Promise<StoreSpec>;
  readonly stop: () => Promise<void>;
  /** How long a node may form here: more than the latest takeover and one renewal with this TTL. Default: enough for every store. */
  readonly formationTimeoutMs?: number;
  /** Whether anybody is removed by its lists: those of a platform may be late. Default: true. */
  readonly removes?: boolean;
  /** The host part of node names. Default: this machine's loopback address. */
  readonly host?: string;
  /** A platform knows by itself who is there; the names are those before the `@`. */
  readonly appear?: (...names: readonly string[]) => Promise<void>;
  readonly disappear?: (name: string) => Promise<void>;
  /** What the platform does when nodes answer its probes. */
  readonly serve?: (...names: readonly string[]) => Promise<void>;
}

async function onEtcd(): Promise<ScenarioStore> {
  const server = await startEtcd();
  const spec = { kind: 'etcd', cluster: 'rabbits', hosts: server.endpoint } as const;
  const away = async () => {
    await server.kill();
    return spec;
  };
  return { spec, away, stop: () => server.stop(), formationTimeoutMs: 40_000 };
}

async function onConsul(): Promise<ScenarioStore> {
  const server = await startConsul({ mode: 'server' });
  const spec = { kind: 'consul', cluster: 'rabbits', hosts: server.httpAddress } as const;
  const away = async () => {
    await server.kill();
    return spec;
  };
  return { spec, away, stop: () => server.stop(), formationTimeoutMs: 80_000 };
}

/** Each node keeps a Lease of its own, and may do no more than the shipped Role allows. */
async function onKubernetes(): Promise<ScenarioStore> {
  const server = await startKubernetes();
  const token = await tokenWith(server, 'rabbits', shippedRole('explicit').rules);
  const place = { server: server.server, tls: { ca: server.caFile } };
  const spec = { kind: 'kubernetes', cluster: 'rabbits', namespace: 'default', token, ...place } as const;
  const away = async () => {
    await server.kill();
    return spec;
  };
  return { spec, away, stop: () => server.stop() };
}

/** Members are the pods of a Service. Their names are all on this machine, where each would have an address of its own. */
async function onPods(): Promise<ScenarioStore> {
  const server = await startKubernetes({ controllers: ['endpointslice-controller'] });
  const token = await tokenWith(server, 'pods', shippedRole('platform').rules);
  await makeMachine(server);
  await makeService(server, 'rabbits');
  let addresses = 10;
  const pods = new Map<string, PodOptions>();
  const appear = async (...names: readonly string[]) => {
    for (const name of names) {
      addresses += 1;
      const pod = { name, hostname: name, service: 'rabbits', ips: [`10.0.0.${addresses}`], ready: false };
      await makePod(server, pod);
      pods.set(name, pod);
    }
  };
  const serve = async (...names: readonly string[]) => {
    for (const name of names) {
      const pod = pods.get(name);
      if (pod) await setReady(server, pod, true);
    }
  };
  const members = { service: 'rabbits', address: 'hostname', suffix: '@localhost', checkName: false };
  const place = { namespace: 'default', server: server.server, tls: { ca: server.caFile } };
  const spec = { kind: 'kubernetes', cluster: 'rabbits', token, members, ...place } as const;
  const away = async () => {
    await server.kill();
    return spec;
  };
  const disappear = (name: string) => removePod(server, name);
  return { spec, away, stop: () => server.stop(), host: 'localhost', removes: false, appear, disappear, serve };
}

const STARTS: Readonly<Record<StoreName, () => Promise<ScenarioStore>>> = {
  etcd: onEtcd,
  consul: onConsul,
  kubernetes: onKubernetes,
  pods: onPods,
};

export const startStore = (name: StoreName): Promise<ScenarioStore> => STARTS[name]();
