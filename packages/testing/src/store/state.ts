import type { Capabilities } from '@autocluster/core/backend';
import type { Random } from '../time/index.js';
import type { ForeignEntry, LockEntry, MemberEntry, RecordEntry } from './entries.js';
import type { StoreEvent, StoreFact } from './history.js';
import { type Ledger, Namespace } from './namespace.js';

interface SavedNamespace {
  readonly members: readonly MemberEntry[];
  readonly foreign: readonly ForeignEntry[];
  readonly locks: readonly LockEntry[];
  readonly record: RecordEntry;
}

/** A backup of a whole store. Only `restore` understands it. */
export interface StoreSnapshot {
  readonly identity: string;
  readonly revision: number;
  readonly namespaces: ReadonlyMap<string, SavedNamespace>;
}

export interface StateOptions {
  readonly capabilities: Capabilities;
  readonly lockDelayMs: number;
  readonly random: Random;
  readonly onEvent: ((event: StoreEvent) => void) | undefined;
}

/** The content of a store. Time comes in as an argument. */
export class StoreState implements Ledger {
  readonly capabilities: Capabilities;
  readonly lockDelayMs: number;
  readonly history: StoreEvent[] = [];
  readonly namespaces = new Map<string, Namespace>();
  revision = 0;
  identity = 'store-1';
  ttl: Capabilities['ttl'];
  readonly #random: Random;
  readonly #onEvent: ((event: StoreEvent) => void) | undefined;
  #wipes = 1;

  constructor({ capabilities, lockDelayMs, random, onEvent }: StateOptions) {
    this.capabilities = capabilities;
    this.ttl = capabilities.ttl;
    this.lockDelayMs = lockDelayMs;
    this.#random = random;
    this.#onEvent = onEvent;
  }

  namespace(cluster: string): Namespace {
    let found = this.namespaces.get(cluster);
    if (!found) {
      found = new Namespace(cluster, this);
      this.namespaces.set(cluster, found);
    }
    return found;
  }

  lifetimeMs(ttlMs: number): number {
    const { earliest, latest } = this.capabilities.takeover;
    const from = earliest.timesTtl * ttlMs + earliest.plusMs;
    const to = latest.timesTtl * ttlMs + latest.plusMs - this.lockDelayMs;
    return this.#random.between(from, to);
  }

  note(fact: StoreFact, cluster: string, atMs: number): void {
    const event = { atMs, store: this.identity, cluster, revision: BigInt(this.revision), ...fact };
    this.history.push(event);
    this.#onEvent?.(event);
  }

  expire(nowMs: number): void {
    for (const space of this.namespaces.values()) space.expire(nowMs);
  }

  /** Every entry and lock lives this much longer, as after a change of the leader. */
  prolong(byMs: number, nowMs: number): void {
    this.expire(nowMs);
    for (const space of this.namespaces.values()) space.prolong(byMs);
    this.note({ kind: 'operator', action: 'prolong', subject: `${byMs} ms` }, '', nowMs);
  }

  /** Another store answers at the same address, an empty one. */
  wipe(nowMs: number): void {
    this.#wipes += 1;
    this.#replace({ identity: `store-${this.#wipes}`, revision: 0, namespaces: new Map() }, nowMs);
    this.note({ kind: 'operator', action: 'wipe', subject: this.identity }, '', nowMs);
  }

  snapshot(nowMs: number): StoreSnapshot {
    this.expire(nowMs);
    const namespaces = [...this.namespaces].map(([cluster, space]) => {
      const members = [...space.members.values()].map((entry) => ({ ...entry }));
      const locks = [...space.locks.values()].map((entry) => ({ ...entry }));
      return [cluster, { members, locks, foreign: [...space.foreign.values()], record: space.record }] as const;
    });
    return { identity: this.identity, revision: this.revision, namespaces: new Map(namespaces) };
  }

  /** The store goes back to a backup: revision and tokens fall, the dead are back, every TTL starts again. */
  restore(snapshot: StoreSnapshot, nowMs: number): void {
    this.#replace(snapshot, nowMs);
    this.note({ kind: 'operator', action: 'restore', subject: `r${snapshot.revision}` }, '', nowMs);
  }

  #replace({ identity, revision, namespaces }: StoreSnapshot, nowMs: number): void {
    this.expire(nowMs);
    const before = [...this.namespaces.values()];
    this.namespaces.clear();
    this.identity = identity;
    this.revision = revision;
    for (const [cluster, saved] of namespaces) {
      const space = this.namespace(cluster);
      for (const entry of saved.members) space.members.set(entry.key, { ...entry });
      for (const entry of saved.locks) space.locks.set(entry.name, { ...entry });
      for (const entry of saved.foreign) space.foreign.set(entry.key, entry);
      space.record = saved.record;
      space.restartTtls(nowMs);
    }
    for (const old of before) {
      const space = this.namespace(old.cluster);
      for (const listener of old.listeners) space.listeners.add(listener);
      space.announce();
    }
  }
}
