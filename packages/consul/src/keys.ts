import { FORMATION_LOCK, nameProblem } from '@autocluster/core/backend';

/** Where everything of one cluster lies in Consul's key-value store. */
export interface Layout {
  /** Ends with a slash; members and record, and no lock, since watches would wake at each. */
  readonly state: string;
  readonly record: string;
  /** Made once. While it is the same, the store is. */
  readonly marker: string;
  /** Nobody writes it: a question for it answers the index of the whole store. */
  readonly nothing: string;
  memberKey(node: string): string;
  /** The node of a member's key; undefined for a key that {@link memberKey} cannot have made. */
  nodeOf(key: string): string | undefined;
  /** Whether the key is that of a member, made by us or not. */
  isMember(key: string): boolean;
  lock(name: string): LockPlace;
}

export interface LockPlace {
  readonly key: string;
  /** Whether the key stays when the lock is released, as native nodes expect. */
  readonly stays: boolean;
}

// Consul refuses paths with characters that cannot be printed, and `%` must stay reversible.
const UNPRINTABLE = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]|%/gu;

/** A name as a part of a key: itself, with what Consul's API refuses percent-encoded. */
export const encodeName = (name: string): string => name.replace(UNPRINTABLE, encodeURIComponent);

export function decodeName(part: string): string | undefined {
  try {
    const name = decodeURIComponent(part);
    return encodeName(name) === part && nameProblem(name) === undefined ? name : undefined;
  } catch {
    return undefined;
  }
}

/** A key as the path of a request. */
export const pathOf = (key: string): string => key.split('/').map(encodeURIComponent).join('/');

/** A key for people: shortened, and without control characters. */
export const shownKey = (key: string): string => JSON.stringify(key.slice(0, 300)).slice(1, -1);

export const isFormation = (lock: string): boolean => lock === FORMATION_LOCK;

/** Everything below `<prefix>/<cluster>/`; in the `rabbitmq` layout the formation lock is RabbitMQ's own. */
export function layoutOf(prefix: string, cluster: string, kind: 'autocluster' | 'rabbitmq'): Layout {
  const root = `${prefix.split('/').map(encodeName).join('/')}/${encodeName(cluster)}`;
  const state = `${root}/state/`;
  const members = `${state}members/`;
  return {
    state,
    record: `${state}record`,
    marker: `${state}store`,
    nothing: `${state}nothing`,
    memberKey: (node) => members + encodeName(node),
    nodeOf: (key) => (key.startsWith(members) ? decodeName(key.slice(members.length)) : undefined),
    isMember: (key) => key.startsWith(members),
    lock(name) {
      if (kind === 'rabbitmq' && isFormation(name)) return { key: `${root}/startup_lock`, stays: true };
      // The place where `consul lock <root>/locks/<name>` waits.
      return { key: `${root}/locks/${encodeName(name)}/.lock`, stays: false };
    },
  };
}
