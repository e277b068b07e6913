import type { Backend, Capabilities, ErrorCode } from '@autocluster/core/backend';
import { type MemoryClient, type MemoryStore, memoryStore } from '@autocluster/testing';
import { type BackendSubject, backendSubject, type FaultPort, type Operator } from '../../src/index.js';

type Injected = Parameters<MemoryClient['faults']['inject']>[0];

function portOf({ faults }: MemoryClient): FaultPort {
  const inject = (each: Injected) => void faults.inject(each);
  const fail = (code: ErrorCode, applied: boolean) => inject({ kind: 'fail', code, applied });
  return {
    stall: () => inject({ kind: 'drop-request' }),
    dropReplies: () => inject({ kind: 'drop-reply' }),
    cutReplies(after = 0) {
      const cut = () => fail('STORE_UNREACHABLE', true);
      if (after === 0) return cut();
      let left = after;
      // Not among the faults of the call that it counts.
      const count = () => void ((left -= 1) === 0 && queueMicrotask(cut));
      inject({ kind: 'delay', times: after, onStrike: count });
    },
    garble: () => fail('STORE_FAILED', true),
    delay: (ms) => inject({ kind: 'delay', requestMs: ms, replyMs: ms }),
    refuse() {
      fail('STORE_UNREACHABLE', false);
      faults.breakWatches();
    },
    heal: () => faults.clear(),
    duplicate: (afterMs) => inject({ kind: 'duplicate', afterMs }),
  };
}

function operatorOf(store: MemoryStore, cluster: string): Operator {
  const hands = store.cluster(cluster);
  return {
    deleteLock: async (name) => hands.deleteLock(name),
    deleteMember: async (node) => hands.deleteMember(node),
    deleteRecord: async () => hands.deleteRecord(),
    writeRecord: async (text) => hands.overwriteRecord(text),
    writeMember: async (node) => hands.insertForeign(node),
    async inventory() {
      const { members, locks, recordText = '', foreign } = hands.inspect();
      const entries = members.map(({ registration: { node, instance } }) => `${node} ${instance}`);
      return [...entries, ...locks.map(({ name, token }) => `${name} ${token}`), ...foreign, recordText];
    },
    addToPlatform: async (node) => hands.insertMember({ node, instance: `${node}-of-the-platform` }),
  };
}

export interface MemorySubject {
  readonly name?: string;
  readonly capabilities?: Partial<Capabilities>;
  readonly lockDelayMs?: number;
  readonly stalenessMs?: number;
  readonly latency?: { readonly requestMs: number; readonly replyMs: number };
  /** What becomes of a client: a store that keeps the contract is made to break it. */
  readonly spoil?: (client: MemoryClient, hands: ReturnType<MemoryStore['cluster']>) => Backend;
}

const TTL = { minMs: 400, maxMs: 86_400_000, stepMs: 1 };

/** The memory store in real time. */
export function memorySubject({ name = 'memory', spoil, latency, ...options }: MemorySubject = {}): BackendSubject {
  const store = memoryStore({ ...options, capabilities: { ttl: TTL, ...options.capabilities } });
  const ports = new WeakMap<Backend, FaultPort>();
  return backendSubject({
    name,
    wire: {
      kind: 'direct',
      faults(client) {
        const port = ports.get(client);
        if (port === undefined) throw new Error('not a client of this store');
        return port;
      },
    },
    client({ cluster }) {
      const client = store.client({ cluster, ...(latency ? { latency } : {}) });
      const backend = spoil?.(client, store.cluster(cluster)) ?? client;
      ports.set(backend, portOf(client));
      return backend;
    },
    operator: (cluster) => operatorOf(store, cluster),
    callTimeoutMs: 2000,
  });
}
