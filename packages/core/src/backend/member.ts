/** Stable name of a node, e.g. `rabbit@host-1`. The next run of the same daemon has the same one. */
export type NodeId = string;
/** One run of one process. A restart is another instance. */
export type InstanceId = string;

/** Which cluster: two clusters exist exactly when two of these disagree. */
export interface ClusterIdentity {
  /** Unique to one act of creation. */
  readonly clusterId: string;
  /** Counts the clusters that were created under one name; a higher one supersedes a lower one. */
  readonly generation: number;
}

export interface Member {
  readonly node: NodeId;
  readonly instance: InstanceId;
  /** `ready`: others may join it. `joining`: it is there, and not offered to anybody. */
  readonly state: 'joining' | 'ready';
  /** The cluster that this instance is committed to. */
  readonly identity: ClusterIdentity | undefined;
  /** Version of the last cluster record that this instance kept. */
  readonly recordVersion: number | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  /** Creation order of the entry, when the store is `ordered`: smaller is older. */
  readonly order: bigint | undefined;
}

export interface Registration extends Member {
  /** The backend's own handle to this entry; opaque to everybody else. */
  readonly ref: string;
  /** The TTL that the store granted, in ms; undefined when only listed, or when entries do not expire. */
  readonly ttlMs: number | undefined;
}

export function sameIdentity(a: ClusterIdentity | undefined, b: ClusterIdentity | undefined): boolean {
  return a?.clusterId === b?.clusterId && a?.generation === b?.generation;
}
