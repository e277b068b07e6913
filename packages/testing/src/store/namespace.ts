import type { Capabilities, LockRequest, Registration, RegisterRequest, StoredRecord } from '@autocluster/core/backend';
import { grantedTtlMs } from './capabilities.js';
import {
  type ForeignEntry,
  type LockEntry,
  listedRegistration,
  type MemberEntry,
  NO_RECORD,
  type RecordEntry,
  sameContent,
} from './entries.js';
import type { StoreFact } from './history.js';
import { type DatedView, PastViews, type View } from './past-views.js';

/** What the parts of one store share. */
export interface Ledger {
  readonly capabilities: Capabilities;
  readonly lockDelayMs: number;
  /** Number of the last change: never falls within one store identity, except by a restored backup. */
  revision: number;
  /** The limits in force, whatever the store says about itself. */
  readonly ttl: Capabilities['ttl'];
  /** How long an entry with this TTL lives after its last renewal, in ms. */
  lifetimeMs(ttlMs: number): number;
  note(fact: StoreFact, cluster: string, atMs: number): void;
}

export interface Arrival {
  readonly nowMs: number;
  /** Number of the message, in the order in which messages were sent. A duplicate has the number of the original. */
  readonly sequence: number;
}

export type Registered =
  | { readonly kind: 'registered'; readonly registration: Registration; readonly record: StoredRecord }
  | { readonly kind: 'conflict'; readonly instance: string }
  | { readonly kind: 'refused'; readonly reason: string };

export type Locked =
  | { readonly kind: 'held'; readonly lock: LockEntry; readonly record: StoredRecord }
  | { readonly kind: 'busy'; readonly holder: LockEntry | undefined; readonly retryAfterMs: number | undefined }
  | { readonly kind: 'lost' };

/** Everything that a store knows about one cluster. No time of its own, no waiting: a function of messages. */
export class Namespace {
  readonly cluster: string;
  readonly members = new Map<string, MemberEntry>();
  readonly foreign = new Map<string, ForeignEntry>();
  readonly locks = new Map<string, LockEntry>();
  readonly past = new PastViews();
  readonly listeners = new Set<() => void>();
  record: RecordEntry = NO_RECORD;
  readonly #ledger: Ledger;
  /** Message number of the last unregister of each instance: what was sent earlier must not bring it back. */
  readonly #unregistered = new Map<string, number>();
  /** Attempts whose grant was released: a late copy of their request must not take the lock again. */
  readonly #endedAttempts = new Set<string>();
  readonly #lockDelays = new Map<string, number>();
  #view: View | undefined;
  /** Nothing expires earlier than this. Renewals leave it too early, which costs one look. */
  #nextExpiryMs = Number.POSITIVE_INFINITY;

  constructor(cluster: string, ledger: Ledger) {
    this.cluster = cluster;
    this.#ledger = ledger;
  }

  get nextExpiryMs(): number {
    return this.#nextExpiryMs;
  }

  register(request: RegisterRequest, { nowMs, sequence }: Arrival): Registered {
    if (this.#ledger.capabilities.registration === 'platform') return this.#platformEntry(request);
    if (sequence <= (this.#unregistered.get(request.instance) ?? -1)) {
      return { kind: 'refused', reason: 'the message is older than the unregister of this instance' };
    }
    const key = this.keyOf(request.node, request.instance);
    const found = this.members.get(key);
    if (found && found.registration.instance !== request.instance) {
      return { kind: 'conflict', instance: found.registration.instance };
    }
    const entry = found ?? this.#newEntry(key, request, { nowMs, sequence });
    if (sequence >= entry.sequence) {
      entry.sequence = sequence;
      entry.ttlMs = this.#memberTtlMs(request.ttlMs);
      entry.expiresAtMs = this.#expiryMs(entry.ttlMs, nowMs);
      if (found && !sameContent(found.registration, request)) this.#rewrite(found, request, nowMs);
    }
    return this.#registered(entry);
  }

  unregister({ node, instance }: Registration, { nowMs, sequence }: Arrival): void {
    if (this.#ledger.capabilities.registration === 'platform') return;
    this.#unregistered.set(instance, sequence);
    const found = this.members.get(this.keyOf(node, instance));
    if (found?.registration.instance !== instance) return;
    this.change(nowMs, () => this.members.delete(found.key), { kind: 'unregistered', node, instance });
  }

  view(): View {
    this.#view ??= {
      members: [...this.members.values()].map((entry) => entry.registration),
      record: this.record.decoded,
      skipped: [...this.foreign.values()],
    };
    return this.#view;
  }

  current(nowMs: number): DatedView {
    return { view: this.view(), revision: this.#ledger.revision, untilMs: nowMs };
  }

  lock(request: LockRequest, { nowMs, sequence }: Arrival): Locked {
    const holder = this.locks.get(request.name);
    const asHolder = request.held ?? request;
    const mine = holder?.attempt === asHolder.attempt && (!request.held || holder.token === request.held.token);
    if (holder && mine) {
      // What comes late does not count: it must not shorten what a later renewal was granted.
      if (sequence >= holder.sequence) {
        holder.sequence = sequence;
        holder.ttlMs = grantedTtlMs(request.ttlMs, this.#ledger.ttl);
        // Who holds it may never hear of a shorter TTL: what was promised before holds.
        holder.expiresAtMs = Math.max(holder.expiresAtMs, this.#expiryMs(holder.ttlMs, nowMs));
      }
      return { kind: 'held', lock: holder, record: this.record.decoded };
    }
    if (request.held) return { kind: 'lost' };
    const delayMs = (this.#lockDelays.get(request.name) ?? nowMs) - nowMs;
    if (holder || delayMs > 0 || this.#endedAttempts.has(request.attempt)) {
      return { kind: 'busy', holder, retryAfterMs: !holder && delayMs > 0 ? delayMs : undefined };
    }
    return { kind: 'held', lock: this.#grant(request, { nowMs, sequence }), record: this.record.decoded };
  }

  /** Whether exactly this grant is in force. */
  isHeld({ name, attempt, token }: Pick<LockEntry, 'name' | 'attempt' | 'token'>): boolean {
    const holder = this.locks.get(name);
    return holder?.token === token && holder.attempt === attempt;
  }

  /** A late copy of this attempt's request must not take the lock again. */
  endAttempt(attempt: string): void {
    this.#endedAttempts.add(attempt);
  }

  release(lock: Pick<LockEntry, 'name' | 'attempt' | 'token'>, nowMs: number): boolean {
    this.endAttempt(lock.attempt);
    const holder = this.locks.get(lock.name);
    if (!holder || !this.isHeld(lock)) return false;
    this.change(nowMs, () => this.locks.delete(lock.name), { kind: 'unlocked', ...lockFact(holder) });
    return true;
  }

  /** Applies a change and counts, notes and announces it. */
  change(nowMs: number, apply: () => void, ...facts: readonly StoreFact[]): void {
    this.past.keep(this.current(nowMs));
    this.#ledger.revision += 1;
    apply();
    this.#view = undefined;
    for (const fact of facts) this.#ledger.note(fact, this.cluster, nowMs);
    for (const listener of this.listeners) listener();
  }

  /** Ends everything whose time has come, in the order of its end. */
  expire(nowMs: number): void {
    if (nowMs < this.#nextExpiryMs) return;
    const due = [...this.members.values(), ...this.locks.values()].filter((entry) => entry.expiresAtMs <= nowMs);
    for (const entry of due.sort((a, b) => a.expiresAtMs - b.expiresAtMs)) {
      if ('registration' in entry) this.#expireMember(entry);
      else this.#expireLock(entry);
    }
    this.#nextExpiryMs = Number.POSITIVE_INFINITY;
    for (const { expiresAtMs } of [...this.members.values(), ...this.locks.values()]) this.#expiresAt(expiresAtMs);
  }

  /** Gives every entry its whole TTL again, as a store does that was started from a backup. */
  restartTtls(nowMs: number): void {
    for (const entry of this.members.values()) entry.expiresAtMs = this.#expiryMs(entry.ttlMs, nowMs);
    for (const entry of this.locks.values()) entry.expiresAtMs = this.#expiryMs(entry.ttlMs, nowMs);
  }

  prolong(byMs: number): void {
    for (const entry of [...this.members.values(), ...this.locks.values()]) entry.expiresAtMs += byMs;
  }

  /** The view must be made again, and whoever waits for a change be told. */
  announce(): void {
    this.#view = undefined;
    for (const listener of this.listeners) listener();
  }

  keyOf(node: string, instance: string): string {
    return this.#ledger.capabilities.exclusiveNames ? node : `${node}/${instance}`;
  }

  #platformEntry({ node }: RegisterRequest): Registered {
    const entry = [...this.members.values()].find((each) => each.registration.node === node);
    return entry ? this.#registered(entry) : { kind: 'refused', reason: `the platform does not know ${node}` };
  }

  #registered(entry: MemberEntry): Registered {
    const { node, instance, state, identity, recordVersion, metadata, order, ref } = entry.registration;
    const { ttlMs } = entry;
    const registration = { node, instance, state, identity, recordVersion, metadata, order, ref, ttlMs };
    return { kind: 'registered', registration, record: this.record.decoded };
  }

  #memberTtlMs(asked: number): number | undefined {
    const limits = this.#ledger.ttl;
    return limits === 'none' ? undefined : grantedTtlMs(asked, limits);
  }

  #newEntry(key: string, request: RegisterRequest, { nowMs, sequence }: Arrival): MemberEntry {
    const ttlMs = this.#memberTtlMs(request.ttlMs);
    const { ordered, metadata } = this.#ledger.capabilities;
    const order = ordered ? BigInt(this.#ledger.revision + 1) : undefined;
    const registration = listedRegistration(request, { key, order, metadataKept: metadata });
    const entry: MemberEntry = { key, registration, ttlMs, expiresAtMs: nowMs, sequence };
    this.change(nowMs, () => void (this.foreign.delete(key), this.members.set(key, entry)), registeredFact(request));
    return entry;
  }

  #rewrite(entry: MemberEntry, request: RegisterRequest, nowMs: number): void {
    const { metadata: metadataKept } = this.#ledger.capabilities;
    if (!metadataKept) return;
    const listed = listedRegistration(request, { key: entry.key, order: entry.registration.order, metadataKept });
    this.change(nowMs, () => void (entry.registration = listed), registeredFact(request));
  }

  #grant({ name, node, instance, attempt, ttlMs: asked }: LockRequest, { nowMs, sequence }: Arrival): LockEntry {
    const token = BigInt(this.#ledger.revision + 1);
    const ttlMs = grantedTtlMs(asked, this.#ledger.ttl);
    const expiresAtMs = this.#expiryMs(this.#ledger.ttl === 'none' ? undefined : ttlMs, nowMs);
    const lock: LockEntry = { name, node, instance, attempt, token, ttlMs, expiresAtMs, sequence };
    this.change(nowMs, () => this.locks.set(name, lock), { kind: 'locked', ...lockFact(lock) });
    return lock;
  }

  #expiryMs(ttlMs: number | undefined, nowMs: number): number {
    return ttlMs === undefined ? Number.POSITIVE_INFINITY : this.#expiresAt(nowMs + this.#ledger.lifetimeMs(ttlMs));
  }

  #expiresAt(ms: number): number {
    if (ms < this.#nextExpiryMs) this.#nextExpiryMs = ms;
    return ms;
  }

  #expireMember({ key, registration: { node, instance }, expiresAtMs }: MemberEntry): void {
    const fact = { kind: 'registration-expired', node, instance } as const;
    this.change(expiresAtMs, () => this.members.delete(key), fact);
  }

  #expireLock(lock: LockEntry): void {
    const { lockDelayMs } = this.#ledger;
    if (lockDelayMs > 0) this.#lockDelays.set(lock.name, lock.expiresAtMs + lockDelayMs);
    const fact = { kind: 'lock-expired', ...lockFact(lock) } as const;
    this.change(lock.expiresAtMs, () => this.locks.delete(lock.name), fact);
  }
}

export function lockFact({ name, node, instance, attempt, token }: LockEntry) {
  return { lock: name, node, instance, attempt, token };
}

function registeredFact({ node, instance, state, identity }: RegisterRequest): StoreFact {
  return { kind: 'registered', node, instance, state, identity };
}
