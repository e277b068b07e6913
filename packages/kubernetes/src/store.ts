import { decodeRecord, type StoredRecord } from '@autocluster/core/backend';
import type { KubernetesClient } from './client.js';
import type { PodReference } from './config.js';
import { CallFailure } from './errors.js';
import type { Exchange } from './exchange.js';
import { ANNOTATIONS, type Keys } from './keys.js';
import { type Fields, fieldsIn, type Lease, textIn } from './lease.js';
import { findLease } from './leases.js';
import { Contact, Sightings } from './sightings.js';

/** A Lease as it was at some moment after the question; undefined when there was none. */
export interface Seen {
  readonly lease: Lease | undefined;
  readonly askedAtMs: number;
}

/** One cluster's place in Kubernetes, and what was last seen there. */
export class Store {
  readonly client: KubernetesClient;
  readonly keys: Keys;
  readonly owners: readonly Fields[] | undefined;
  /** Leases by name as they were last answered or written. */
  readonly latest = new Map<string, Lease>();
  readonly members = new Sightings();
  readonly locks = new Sightings();
  readonly contact = new Contact();
  #identity: { readonly formation: string; readonly store: string } | undefined;

  constructor(client: KubernetesClient, keys: Keys, owner: PodReference | undefined) {
    this.client = client;
    this.keys = keys;
    this.owners = owner && [{ apiVersion: 'v1', kind: 'Pod', ...owner }];
  }

  note(lease: Lease): Lease {
    this.latest.set(lease.name, lease);
    return lease;
  }

  /** Reads one Lease, and remembers since when it has been as it is. */
  async look(exchange: Exchange, name: string, sightings: Sightings): Promise<Seen> {
    const askedAtMs = exchange.clock.monotonicMs();
    const lease = await findLease(this.client, exchange, name, { urgent: true });
    if (lease === undefined) this.latest.delete(name);
    else sightings.see(this.note(lease), exchange.clock.monotonicMs());
    return { lease, askedAtMs };
  }

  /**
   * What makes this store another one: the UID of its namespace. It is read again whenever the formation lock is not the Lease
   * that it was, since another store has no Lease with the same UID. A namespace that does not exist would list nothing.
   */
  async identity(exchange: Exchange, formation: Lease | undefined): Promise<string> {
    const known = this.#identity;
    if (known !== undefined && known.formation === formation?.uid) return known.store;
    const { body } = await this.client.ask(exchange, { verb: 'get', resource: 'namespaces' });
    const store = textIn(fieldsIn(fieldsIn(body)['metadata'])['uid']);
    if (store === '') throw new CallFailure('failed', 'the answer is no namespace');
    if (formation !== undefined) this.#identity = { formation: formation.uid, store };
    return store;
  }
}

export function recordIn(formation: Lease | undefined): StoredRecord {
  const text = formation?.annotations[ANNOTATIONS.record];
  return text === undefined ? { kind: 'absent' } : decodeRecord(text);
}

export async function readRecord({ client, keys }: Store, exchange: Exchange): Promise<StoredRecord> {
  return recordIn(await findLease(client, exchange, keys.formation, { urgent: true }));
}
