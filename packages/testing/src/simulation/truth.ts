import type { ClusterRecord, LockGrant, LockRequest, MemberList } from '@autocluster/core/backend';
import type { LocalIdentity } from '@autocluster/core/driver';
import type { DaemonEvent } from '../daemon/index.js';
import type { InspectedCluster, StoreEvent } from '../store/index.js';
import type { Actor } from './actor.js';
import type { Call, CallEnd, Listener, NodeFact } from './facts.js';
import { JOB_LOCK } from './jobs.js';
import { grantOf, isList, isReleased, outcomeOf } from './outcome.js';

/** One grant of the store, from its beginning to its end. */
export interface Grant {
  readonly lock: string;
  readonly attempt: string;
  readonly token: bigint;
  readonly node: string;
  readonly sinceMs: number;
  endedMs: number | undefined;
  /** `revoked`: the store did not honour its TTL. */
  ended: 'unlocked' | 'expired' | 'revoked' | undefined;
}

/** One piece of guarded work. */
export interface Job {
  readonly actor: Actor;
  readonly token: bigint;
  readonly attempt: string | undefined;
  readonly beganMs: number;
  abortedMs: number | undefined;
  settledMs: number | undefined;
}

/** What the calls of one attempt have shown its process. */
export interface Attempt {
  readonly actor: Actor;
  readonly lock: string;
  /** Process time at which the last request was sent that was answered with the grant. */
  goodSentOwnMs: number | undefined;
  toldLost: boolean;
  /** When it was last answered with the grant. */
  heldAtMs: number | undefined;
  /** What the store granted last, in ms. */
  grantedTtlMs: number | undefined;
  /** An answer that came after its time limit granted less: whether it still counted is a matter of order. */
  shortenedLate: boolean;
  /** When it was first asked to be released, on true time. */
  unlockSentMs: number | undefined;
  releaseAnswered: boolean;
}

export interface Listed {
  readonly list: MemberList;
  readonly sentMs: number;
  readonly atMs: number;
}

export interface Registered {
  readonly instance: string;
  readonly state: 'joining' | 'ready';
  readonly clusterId: string | undefined;
  readonly sinceMs: number;
  /** Since when it is there with this identity. */
  readonly identitySinceMs: number;
}

const OLDEST = Number.NEGATIVE_INFINITY;

/** What is true, put together from what happens: oracles look here instead of asking the nodes. */
export class Truth implements Listener {
  readonly grants = new Map<bigint, Grant>();
  readonly holders = new Map<string, Grant>();
  /** Who had the lock right before the event that is being told. */
  holderBefore: Grant | undefined;
  readonly attempts = new Map<string, Attempt>();
  readonly jobs = new Map<bigint, Job>();
  readonly registrations = new Map<string, Registered>();
  /** The record as it is in the store, and as it was before the event that is being told. */
  record: ClusterRecord | undefined;
  recordBefore: ClusterRecord | undefined;
  /** Every cluster that was ever put on record. */
  readonly committed = new Map<string, ClusterRecord>();
  /** When somebody last changed the store by hand, or it became another one. */
  tamperedMs = OLDEST;
  /** When the whole store last became another one: tokens of before mean nothing any more. */
  replacedMs = OLDEST;
  /** The same for the record alone. */
  recordTamperedMs = OLDEST;
  /** By how much leases have been prolonged, in sum. */
  prolongedMs = 0;
  readonly lists = new WeakMap<Actor, Listed>();
  readonly suspendedMs = new WeakMap<Actor, number>();
  readonly wallSetBackMs = new WeakMap<Actor, number>();
  readonly #identities = new Map<string, { readonly atMs: number; readonly identity: LocalIdentity }[]>();
  readonly #now: () => number;
  readonly #identityOf: (node: string) => LocalIdentity;
  readonly #inspect: () => InspectedCluster;

  constructor({ now, identityOf, inspect }: TruthSource) {
    this.#now = now;
    this.#identityOf = identityOf;
    this.#inspect = inspect;
  }

  readonly store = (event: StoreEvent): void => {
    this.holderBefore = undefined;
    switch (event.kind) {
      case 'locked': {
        const { lock, attempt, token, node, atMs } = event;
        const grant: Grant = { lock, attempt, token, node, sinceMs: atMs, endedMs: undefined, ended: undefined };
        this.holderBefore = this.holders.get(lock);
        this.holders.set(lock, grant);
        this.grants.set(token, grant);
        break;
      }
      case 'unlocked':
      case 'lock-expired':
        this.#end(event.lock, event.kind === 'unlocked' ? 'unlocked' : 'expired', event.atMs);
        break;
      case 'registered':
        this.#registered(event);
        break;
      case 'unregistered':
      case 'registration-expired':
        this.registrations.delete(event.node);
        break;
      case 'record-committed':
        this.recordBefore = this.record;
        if (event.record.kind !== 'present') break;
        this.record = event.record.record;
        this.committed.set(this.record.clusterId, this.record);
        break;
      case 'operator':
        this.#operator(event);
        break;
    }
  };

  readonly daemon = (event: DaemonEvent): void => {
    if (!('node' in event)) return;
    this.noteIdentity(event.node);
    if ('seed' in event) this.noteIdentity(event.seed);
  };

  readonly sent = ({ actor, verb, request }: Call): void => {
    if (verb === 'lock') {
      const { name: lock, attempt } = request as LockRequest;
      if (this.attempts.has(attempt)) return;
      const unknown = {
        goodSentOwnMs: undefined,
        grantedTtlMs: undefined,
        heldAtMs: undefined,
        toldLost: false,
        shortenedLate: false,
        unlockSentMs: undefined,
        releaseAnswered: false,
      };
      this.attempts.set(attempt, { actor, lock, ...unknown });
    } else if (verb === 'unlock') {
      const { grant } = request as { grant: LockGrant };
      const attempt = this.attempts.get(grant.attempt);
      if (attempt) attempt.unlockSentMs ??= this.#now();
    } else if (verb === 'register') {
      actor.instance = (request as { instance: string }).instance;
    }
  };

  readonly answered = (call: Call): void => {
    const { actor, verb, end } = call;
    if (verb === 'lock' && end?.kind === 'resolved') {
      this.#answeredLock(call, end);
    } else if (verb === 'unlock' && isReleased(end?.value)) {
      const { grant } = call.request as { grant: LockGrant };
      const attempt = this.attempts.get(grant.attempt);
      // What another store made, it released there; `lost` is also said where nothing was released.
      if (attempt && this.grants.get(grant.token)?.attempt === grant.attempt) attempt.releaseAnswered = true;
    } else if (verb === 'list' && end?.kind === 'resolved' && isList(end.value)) {
      if (call.reporting) return;
      this.lists.set(actor, { list: end.value, sentMs: call.sentMs, atMs: end.atMs });
    } else if (verb === 'create' || verb === 'join' || verb === 'committed' || verb === 'reset') {
      this.noteIdentity(actor.name);
    }
  };

  readonly node = (actor: Actor, fact: NodeFact): void => {
    if (fact.kind === 'suspended') this.suspendedMs.set(actor, this.#now());
    if (fact.kind === 'crashed') for (const [token, job] of this.jobs) if (job.actor === actor) this.jobs.delete(token);
    if (!('token' in fact)) return;
    const { token } = fact;
    const known = this.jobs.get(token);
    const job = known?.actor === actor ? known : undefined;
    if (fact.kind === 'job-began') {
      const attempt = this.attemptOf(actor, JOB_LOCK, token);
      this.jobs.set(token, { actor, token, attempt, beganMs: this.#now(), abortedMs: undefined, settledMs: undefined });
    } else if (job && fact.kind === 'job-aborted') job.abortedMs ??= this.#now();
    else if (job && fact.kind === 'job-settled') job.settledMs ??= this.#now();
    else if (job && fact.kind === 'job-ended') this.jobs.delete(token);
  };

  /** The attempt that was told this token. A store that was exchanged may give a token again, also with another lock. */
  attemptOf(actor: Actor, lock: string, token: bigint): string | undefined {
    return actor.told.get(`${lock} ${token}`);
  }

  /** Whether the store did not honour the grant under which this actor works since then, or is not the one that made it. */
  isRevoked(actor: Actor, lock: string, token: bigint, sinceMs: number): boolean {
    const grant = this.grants.get(token);
    const isUnknown = grant === undefined || grant.attempt !== this.attemptOf(actor, lock, token);
    return isUnknown || sinceMs <= this.replacedMs || grant.ended === 'revoked';
  }

  /** Every identity that this node's daemon had at any time since then. */
  identitiesSince(node: string, sinceMs: number): readonly LocalIdentity[] {
    const log = this.#identities.get(node) ?? [];
    const from = log.findLastIndex(({ atMs }) => atMs <= sinceMs);
    return [...log.slice(Math.max(0, from)).map(({ identity }) => identity), this.#identityOf(node)];
  }

  noteIdentity(node: string): void {
    const identity = this.#identityOf(node);
    const log = this.#identities.get(node) ?? [];
    if (log.at(-1)?.identity !== identity) log.push({ atMs: this.#now(), identity });
    this.#identities.set(node, log);
  }

  #answeredLock({ actor, request, ownSentMs, signal }: Call, { value, atMs }: CallEnd): void {
    const { attempt: name } = request as LockRequest;
    const attempt = this.attempts.get(name);
    if (!attempt) return;
    const kind = outcomeOf(value);
    if (kind === 'lost') attempt.toldLost = true;
    if (kind !== 'held') return;
    const { ttlMs, token } = grantOf(value);
    if (token !== undefined) actor.told.set(`${attempt.lock} ${token}`, name);
    // What was given up reaches nobody. After a pause, an answer that had come in time still does.
    if (!signal.aborted) {
      attempt.goodSentOwnMs = ownSentMs;
      attempt.heldAtMs = atMs;
      attempt.grantedTtlMs = ttlMs ?? attempt.grantedTtlMs;
    } else if (ttlMs !== undefined) attempt.shortenedLate ||= ttlMs < (attempt.grantedTtlMs ?? ttlMs);
  }

  #end(lock: string, ended: NonNullable<Grant['ended']>, atMs: number): void {
    const grant = this.holders.get(lock);
    this.holders.delete(lock);
    if (!grant) return;
    grant.ended = ended;
    grant.endedMs = atMs;
  }

  #registered({ node, instance, state, identity, atMs }: Extract<StoreEvent, { kind: 'registered' }>): void {
    const before = this.registrations.get(node);
    const clusterId = identity?.clusterId;
    const same = before?.instance === instance;
    const sinceMs = before && same ? before.sinceMs : atMs;
    const identitySinceMs = before && same && before.clusterId === clusterId ? before.identitySinceMs : atMs;
    this.registrations.set(node, { instance, state, clusterId, sinceMs, identitySinceMs });
  }

  #operator({ action, subject, atMs }: Extract<StoreEvent, { kind: 'operator' }>): void {
    if (action === 'prolong') {
      this.prolongedMs += Number.parseFloat(subject);
      return;
    }
    this.tamperedMs = atMs;
    const isReplaced = action === 'wipe' || action === 'restore';
    if (isReplaced) this.replacedMs = atMs;
    if (isReplaced || action.endsWith('record')) this.recordTamperedMs = atMs;
    if (action === 'delete-lock') this.#end(subject, 'revoked', atMs);
    if (isReplaced) for (const lock of this.holders.keys()) this.#end(lock, 'revoked', atMs);
    this.#lookAgain(atMs, isReplaced);
  }

  /** What is in the store now, after somebody changed it by hand. */
  #lookAgain(atMs: number, isReplaced: boolean): void {
    const { members, locks, record } = this.#inspect();
    if (record.kind === 'present') this.record = record.record;
    else if (record.kind === 'absent') this.record = undefined;
    const before = new Map(this.registrations);
    this.registrations.clear();
    for (const { registration } of members) {
      const { node, instance, state, identity } = registration;
      const known = before.get(node);
      const fresh = { instance, state, clusterId: identity?.clusterId, sinceMs: atMs, identitySinceMs: atMs };
      this.registrations.set(node, known?.instance === instance && !isReplaced ? known : fresh);
    }
    if (!isReplaced) return;
    // Tokens may be given once more.
    this.grants.clear();
    for (const { name: lock, attempt, token, node } of locks) {
      const grant: Grant = { lock, attempt, token, node, sinceMs: atMs, endedMs: undefined, ended: undefined };
      this.grants.set(token, grant);
      this.holders.set(lock, grant);
    }
  }
}

export interface TruthSource {
  readonly now: () => number;
  readonly identityOf: (node: string) => LocalIdentity;
  readonly inspect: () => InspectedCluster;
}
