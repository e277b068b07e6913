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
import type { KubernetesClient } from './client.js';
import type { KubernetesConfig } from './config.js';
import type { Exchange } from './exchange.js';
import { keysOf } from './keys.js';
import { explicitMembers } from './listing.js';
import { lock, unlock } from './lock.js';
import type { Members } from './members.js';
import { platformMembers } from './platform.js';
import { Store } from './store.js';
import { releasedIn, watch } from './watch.js';

/** A Lease counts seconds in 32 bits; one year is more than any daemon needs. */
const MAX_TTL_MS = 365 * 24 * 60 * 60 * 1000;

const LOCKS = {
  lock: 'fenced',
  // The record lies in the Lease of the formation lock.
  record: 'atomic',
  // Counted by whoever waits, from the last renewal that it saw: at most one period after the renewal, and looked at every 5 s.
  takeover: { earliest: { timesTtl: 1, plusMs: 0 }, latest: { timesTtl: 4 / 3, plusMs: 5_000 } },
  // A Lease is as old as the second in which it was made: two of the same second have no order.
  ordered: false,
  // On the platform of the locks alone: pods go when the platform says so.
  ttl: { minMs: 1000, maxMs: MAX_TTL_MS, stepMs: 1000 },
  watch: true,
} as const;

export const EXPLICIT: Capabilities = {
  ...LOCKS,
  registration: 'explicit',
  metadata: true,
  // The token is the version of a free Lease: a list from before the grant may have a later one.
  listConsistency: 'linearizable',
  exclusiveNames: true,
};

export const PLATFORM: Capabilities = {
  ...LOCKS,
  registration: 'platform',
  metadata: false,
  // A controller writes the list, some time after the pods have changed.
  listConsistency: 'eventual',
  exclusiveNames: false,
};

/** The five verbs over one client, and what is remembered between them. */
export class KubernetesBackend implements Backend {
  readonly name = 'kubernetes';
  readonly spi = 1;
  readonly cluster: string;
  readonly capabilities: Capabilities;
  readonly #client: KubernetesClient;
  readonly #store: Store;
  readonly #members: Members;

  constructor({ cluster, members, owner }: KubernetesConfig, client: KubernetesClient) {
    this.cluster = cluster;
    this.capabilities = members === 'explicit' ? EXPLICIT : PLATFORM;
    this.#client = client;
    this.#store = new Store(client, keysOf(cluster), owner);
    this.#members = members === 'explicit' ? explicitMembers(this.#store) : platformMembers(this.#store, members);
  }

  register(request: RegisterRequest, options: CallOptions): Promise<RegisterOutcome> {
    return this.#exchange('register', options, (exchange) => this.#members.register(exchange, request));
  }

  unregister(registration: Registration, options: CallOptions): Promise<void> {
    return this.#exchange('unregister', options, (exchange) => this.#members.unregister(exchange, registration));
  }

  list(options: CallOptions): Promise<MemberList> {
    return this.#exchange('list', options, (exchange) => this.#members.list(exchange));
  }

  lock(request: LockRequest, options: CallOptions): Promise<LockOutcome> {
    requireName('name', request.name);
    const released = releasedIn({ store: this.#store, options });
    return this.#exchange('lock', options, (exchange) => lock({ store: this.#store, exchange, request, released }));
  }

  unlock(grant: LockGrant, options: UnlockOptions): Promise<UnlockOutcome> {
    return this.#exchange('unlock', options, (exchange) =>
      unlock({ store: this.#store, exchange }, grant, options.record),
    );
  }

  /** From the last list on, so that nothing is missed between the two. */
  watch(options: CallOptions): AsyncIterable<'changed'> {
    return watch({ store: this.#store, options }, (exchange, ring) => this.#members.follow(exchange, ring));
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async #exchange<T>(operation: string, options: CallOptions, run: (exchange: Exchange) => Promise<T>): Promise<T> {
    const answer = await this.#client.exchange(operation, options, run);
    this.#store.contact.answered(options.clock.monotonicMs());
    return answer;
  }
}
