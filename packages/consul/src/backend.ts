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
import { ConsulClient } from './client.js';
import type { ConsulConfig } from './config.js';
import type { Connect } from './endpoints.js';
import { layoutOf } from './keys.js';
import { type ListForeign, ListMemory, list } from './listing.js';
import { lock, type Met, unlock } from './lock.js';
import { listNative } from './native.js';
import { type Place, register, unregister } from './registration.js';
import { Services } from './services.js';
import { Store } from './store.js';
import { releasedIn, watch } from './watch.js';

/** For an election and the queue of sessions that have ended. */
const MARGIN_MS = 3000;

/** What this store can do with a lock that stays closed for `lockDelayMs` after its holder. */
export const capabilitiesWith = (lockDelayMs: number): Capabilities => ({
  registration: 'explicit',
  metadata: true,
  ttl: { minMs: 10_000, maxMs: 24 * 60 * 60 * 1000, stepMs: 1000 },
  listConsistency: 'linearizable',
  ordered: true,
  exclusiveNames: true,
  lock: 'fenced',
  record: 'atomic',
  // Consul ends a session between one and two TTLs after its last renewal, and a new leader counts anew.
  takeover: { earliest: { timesTtl: 1, plusMs: 0 }, latest: { timesTtl: 4, plusMs: MARGIN_MS + lockDelayMs } },
  watch: true,
});

/** The five verbs over one client, and what is remembered between them. */
export class ConsulBackend implements Backend {
  readonly name = 'consul';
  readonly spi = 1;
  readonly cluster: string;
  readonly capabilities: Capabilities;
  readonly #client: ConsulClient;
  readonly #place: Place;
  readonly #lockDelayMs: number;
  readonly #listForeign: ListForeign;
  readonly #memory = new ListMemory();
  readonly #met: Met = new Map();

  constructor(config: ConsulConfig, connect: Connect) {
    const { cluster, prefix, layout, scope, lockDelayMs } = config;
    this.cluster = cluster;
    this.capabilities = capabilitiesWith(lockDelayMs);
    this.#lockDelayMs = lockDelayMs;
    this.#client = new ConsulClient(config, connect);
    const hasNative = layout === 'rabbitmq';
    this.#listForeign = (exchange) => (hasNative ? listNative(this.#client, exchange, config) : Promise.resolve([]));
    const store = new Store(this.#client, layoutOf(prefix, cluster, layout), scope);
    this.#place = { store, services: new Services(this.#client, config) };
  }

  register(request: RegisterRequest, options: CallOptions): Promise<RegisterOutcome> {
    return this.#client.exchange('register', options, (exchange) => register(this.#place, exchange, request));
  }

  unregister(registration: Registration, options: CallOptions): Promise<void> {
    return this.#client.exchange('unregister', options, (exchange) => unregister(this.#place, exchange, registration));
  }

  list(options: CallOptions): Promise<MemberList> {
    const { store } = this.#place;
    return this.#client.exchange('list', options, (exchange) => list(store, exchange, this.#memory, this.#listForeign));
  }

  lock(request: LockRequest, options: CallOptions): Promise<LockOutcome> {
    requireName('name', request.name);
    const { store } = this.#place;
    const released = releasedIn({ store, options });
    const lockDelayMs = this.#lockDelayMs;
    return this.#client.exchange('lock', options, (exchange) =>
      lock({ store, exchange, request, lockDelayMs, released }, this.#met),
    );
  }

  unlock(grant: LockGrant, options: UnlockOptions): Promise<UnlockOutcome> {
    const { store } = this.#place;
    return this.#client.exchange('unlock', options, (exchange) => unlock({ store, exchange }, grant, options.record));
  }

  /** From the index of the last list on, so that nothing is missed between the two. */
  watch(options: CallOptions): AsyncIterable<'changed'> {
    return watch({ store: this.#place.store, options }, this.#memory.index);
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}
