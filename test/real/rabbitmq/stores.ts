import { shippedRole, tokenWith } from '../../backends/kubernetes.ts';
import { startEtcd, startKubernetes } from '../../servers/harness/index.ts';
import type { StoreSpec } from './fleet.ts';

export const STORES = ['etcd', 'kubernetes'] as const;
export type StoreName = (typeof STORES)[number];

export interface ScenarioStore {
  readonly spec: StoreSpec;
  /** Ends the store, for good; what a node that starts now is told about it. */
  readonly away: () => Promise<StoreSpec>;
  readonly stop: () => Promise<void>;
}

async function onEtcd(): Promise<ScenarioStore> {
  const server = await startEtcd();
  const spec = { kind: 'etcd', cluster: 'rabbits', hosts: server.endpoint } as const;
  const away = async () => {
    await server.kill();
    return spec;
  };
  return { spec, away, stop: () => server.stop() };
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

const STARTS: Readonly<Record<StoreName, () => Promise<ScenarioStore>>> = {
  etcd: onEtcd,
  kubernetes: onKubernetes,
};

export const startStore = (name: StoreName): Promise<ScenarioStore> => STARTS[name]();
