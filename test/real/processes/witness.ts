import type { ClusterRecord } from '@autocluster/core/backend';
import { systemClock } from '@autocluster/core/runtime';
import { openStore, type StoreSpec } from '../stores.ts';

/** Sees the store without any node, and takes no part in the cluster. */
export interface Witness {
  record(): Promise<ClusterRecord | undefined>;
  close(): Promise<void>;
}

const LONGEST_MS = 2_000;

export async function witness(spec: StoreSpec, cluster: string): Promise<Witness> {
  const backend = await openStore(spec, cluster);
  return {
    async record() {
      const options = { signal: AbortSignal.timeout(LONGEST_MS), timeoutMs: LONGEST_MS, clock: systemClock };
      const { record } = await backend.list(options);
      return record.kind === 'present' ? record.record : undefined;
    },
    close: () => backend.close(),
  };
}
