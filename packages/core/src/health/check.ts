export type HealthStatus = 'ok' | 'pending' | 'failing';

/** What each check asks, and what to do when it fails. */
export const HEALTH_CHECKS = {
  formed: {
    asks: 'whether the node is formed in its cluster',
    advice: 'read the wait reason: it says what would end it',
  },
  store: {
    asks: 'whether the store answers a complete list',
    advice: 'check address, credentials and state of the store',
  },
  registered: {
    asks: 'whether the own registration is held for certain',
    advice: 'wait for the store; it is made again as soon as that answers',
  },
  listed: {
    asks: 'whether the store lists this instance as ready',
    advice: 'see whether another instance has the name, or the daemon is down',
  },
  daemon: { asks: 'whether the own daemon is up and ready', advice: 'look at the daemon' },
  record: {
    asks: 'whether record, registration and daemon name the same cluster, and nobody is listed in another one',
    advice: 'compare the cluster names; two clusters are never merged: one of them has to be reset',
  },
  clustered: {
    asks: 'whether this node and the first other member in the store each see the other run',
    advice: 'check the network between the two daemons, and what each says of its cluster',
  },
  sizes: {
    asks: 'whether daemon, store and the other member count the same members, and a majority of them runs',
    advice: 'bring the missing members back, or let cleanup or an operator remove them',
  },
  partitions: { asks: 'whether neither side reports a partition', advice: "heal it as the daemon's manual tells" },
} as const satisfies Record<string, { readonly asks: string; readonly advice: string }>;

export type HealthCheckName = keyof typeof HEALTH_CHECKS;

export interface HealthCheck {
  readonly name: HealthCheckName;
  readonly status: HealthStatus;
  /** What was seen. */
  readonly evidence: string;
  /** What to do; undefined when all is well. */
  readonly advice: string | undefined;
}
