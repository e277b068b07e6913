import { startEtcd } from '../../servers/harness/index.ts';
import type { StoreSpec } from './fleet.ts';

export const STORES = ['etcd'] as const;
export type StoreName = (typeof STORES)[number];

export interface ScenarioStore {
  readonly spec: StoreSpec;
  /** Ends the store, for good; what a node that starts now is told about it. */
  readonly away: () => Promise<StoreSpec>;
  /** The least that the store's own times allow for a formation, with a TTL of 15 s. */
  readonly formationTimeoutMs: number;
  readonly stop: () => Promise<void>;
}

async function onEtcd(): Promise<ScenarioStore> {
  const server = await startEtcd();
  const spec = { kind: 'etcd', cluster: 'rabbits', hosts: server.endpoint } as const;
  const away = async () => {
    await server.kill();
    return spec;
  };
  return { spec, away, formationTimeoutMs: 38_000, stop: () => server.stop() };
}

export const startStore = (name: StoreName): Promise<ScenarioStore> => ({ etcd: onEtcd })[name]();
