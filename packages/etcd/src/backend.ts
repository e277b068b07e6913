import {
  type Backend,
  type CallOptions,
  type Capabilities,
  type LockGrant,
  type LockOutcome,
  type LockRequest,
  type MemberList,
  type RegisterOutcome,
  type RegisterRequest,
  type Registration,
  requireName,
  type UnlockOptions,
  type UnlockOutcome,
} from '@autocluster/core/backend';
import { EtcdClient } from './client.js';
import type { EtcdConfig } from './config.js';
import type { Connect } from './endpoints.js';
import { autoclusterLayout } from './keys.js';
import { type EntryCache, list } from './listing.js';
import { type Crowded, lock, unlock } from './lock.js';
import { rabbitmqLayout } from './rabbitmq-layout.js';
import { register, type Store, unregister } from './registration.js';
import { releasedIn, watch } from './watch.js';

/** etcd's own limit is 9 000 000 000 s; one year is more than any daemon needs. */
const MAX_TTL_MS = 365 * 24 * 60 * 60 * 1000;

export const CAPABILITIES: Capabilities = {
  registration: 'explicit',
  metadata: true,
  // etcd grants at least one and a half election timeouts: 2 s with its defaults.
  ttl: { minMs: 2000, maxMs: MAX_TTL_MS, stepMs: 1000 },
  listConsistency: 'linearizable',
  ordered: true,
  exclusiveNames: true,
  lock: 'fenced',
  tokenIsRevision: true,
  record: 'atomic',
  // A new leader extends every lease by its whole TTL; the rest is an election and the queue of expired leases.
  takeover: { earliest: { timesTtl: 1, plusMs: 0 }, latest: { timesTtl: 2, plusMs: 3000 } },
  watch: true,
  watchesExpiry: true,
};

/** The five verbs over one client, and what is remembered between them. */
export class EtcdBackend implements Backend {
  readonly name = 'etcd';
  readonly spi = 1;
  readonly cluster: string;
  readonly capabilities = CAPABILITIES;
  readonly #client: EtcdClient;
  readonly #store: Store;
  readonly #cache: EntryCache = new Map();
  readonly #crowded: Crowded = new Set();
  #listed: bigint | undefined;

  constructor(config: EtcdConfig, connect: Connect) {
    const { cluster, prefix, layout } = config;
    this.cluster = cluster;
    this.#client = new EtcdClient(config, connect);
    const make = layout === 'rabbitmq' ? rabbitmqLayout : autoclusterLayout;
    this.#store = { client: this.#client, layout: make(prefix, cluster) };
  }

  register(request: RegisterRequest, options: CallOptions): Promise<RegisterOutcome> {
    return this.#client.exchange('register', options, (exchange) => register(this.#store, exchange, request));
  }

  unregister(registration: Registration, options: CallOptions): Promise<void> {
    return this.#client.exchange('unregister', options, (exchange) => unregister(this.#store, exchange, registration));
  }

  async list(options: CallOptions): Promise<MemberList> {
    const listed = await this.#client.exchange('list', options, (exchange) => list(this.#store, exchange, this.#cache));
    this.#listed = listed.revision;
    return listed;
  }

  lock(request: LockRequest, options: CallOptions): Promise<LockOutcome> {
    requireName('name', request.name);
    const released = releasedIn({ store: this.#store, options });
    return this.#client.exchange('lock', options, (exchange) =>
      lock({ store: this.#store, exchange, request, released }, this.#crowded),
    );
  }

  unlock(grant: LockGrant, options: UnlockOptions): Promise<UnlockOutcome> {
    return this.#client.exchange('unlock', options, (exchange) =>
      unlock({ store: this.#store, exchange }, grant, options.record),
    );
  }

  /** From the revision of the last list on, so that nothing is missed between the two. */
  watch(options: CallOptions): AsyncIterable<'changed'> {
    return watch({ store: this.#store, options }, this.#listed === undefined ? undefined : this.#listed + 1n);
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}
