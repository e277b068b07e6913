import { type NodeId, nameProblem } from '@autocluster/core/backend';

/** Which release's layout the folder has, and which store it is. */
export const STORE_KEY = 'store';

/** Where a cluster keeps what. Names have no slash, so that no two names share a key. */
export interface ClusterKeys {
  /** Counts the writes; never deleted. */
  readonly sequence: string;
  readonly record: string;
  readonly everything: string;
  readonly members: string;
  member(node: NodeId): string;
  lock(name: string): string;
  /** The node of a key under `members`; undefined when no node can have it. */
  nodeOf(key: string): NodeId | undefined;
}

export function clusterKeys(cluster: string): ClusterKeys {
  const everything = `clusters/${cluster}/`;
  const members = `${everything}members/`;
  return {
    sequence: `${everything}sequence`,
    record: `${everything}record`,
    everything,
    members,
    member: (node) => members + node,
    lock: (name) => `${everything}locks/${name}`,
    nodeOf(key) {
      const node = key.slice(members.length);
      return key.startsWith(members) && nameProblem(node) === undefined ? node : undefined;
    },
  };
}

/** The first key behind all keys that begin with `prefix`, which ends with a slash. */
export function endOf(prefix: string): string {
  return `${prefix.slice(0, -1)}0`;
}
