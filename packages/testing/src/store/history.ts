import type { ClusterIdentity, InstanceId, NodeId, StoredRecord } from '@autocluster/core/backend';

interface MemberFact {
  readonly node: NodeId;
  readonly instance: InstanceId;
}

interface LockFact extends MemberFact {
  readonly lock: string;
  readonly attempt: string;
  readonly token: bigint;
}

/** What happened, without when and where. Renewals that change nothing are not recorded. */
export type StoreFact =
  | (MemberFact & {
      readonly kind: 'registered';
      readonly state: 'joining' | 'ready';
      readonly identity: ClusterIdentity | undefined;
    })
  | (MemberFact & { readonly kind: 'unregistered' | 'registration-expired' })
  | (LockFact & { readonly kind: 'locked' | 'unlocked' | 'lock-expired' })
  /** `underLock`: the grant was in force at that moment. */
  | (LockFact & { readonly kind: 'record-committed'; readonly record: StoredRecord; readonly underLock: boolean })
  /** Somebody changed the store by hand. */
  | { readonly kind: 'operator'; readonly action: string; readonly subject: string };

export type StoreEvent = StoreFact & {
  /** True time, in ms. An expiry has the time at which it happened, also when nobody looked until later. */
  readonly atMs: number;
  readonly revision: bigint;
  /** Identity of the store at that time. */
  readonly store: string;
  /** Empty for what concerns the whole store. */
  readonly cluster: string;
};

const plain = (_: string, value: unknown) => (typeof value === 'bigint' ? value.toString() : value);

/** One line for each event: two runs are the same when these texts are. */
export function historyText(history: readonly StoreEvent[]): string {
  const line = ({ atMs, store, cluster, revision, kind, ...facts }: StoreEvent) =>
    `${atMs} ${store} r${revision} ${cluster} ${kind} ${JSON.stringify(facts, plain)}`;
  return history.map(line).join('\n');
}
