import type { Capabilities } from './capabilities.js';
import type { ClusterRecord, StoredRecord } from './cluster-record.js';
import type { ClusterIdentity, InstanceId, NodeId, Registration } from './member.js';

/** The lock under which clusters are created and the record is written. Reserved: `withLock` refuses it. */
export const FORMATION_LOCK = 'formation';
/** The lock of the one node that cleans up. Reserved: `withLock` refuses it. */
export const CLEANUP_LOCK = 'cleanup';

export interface Clock {
  /** Milliseconds since some moment that is the same for all processes of one boot. Never goes back. */
  monotonicMs(): number;
  /** Milliseconds since 1970, for people only: no decision depends on it. */
  wallMs(): number;
}

export interface CallOptions {
  readonly signal: AbortSignal;
  /** The whole exchange, retries included, settles within this time plus one second, by any outcome. */
  readonly timeoutMs: number;
  readonly clock: Clock;
}

export interface RegisterRequest {
  readonly node: NodeId;
  readonly instance: InstanceId;
  readonly state: 'joining' | 'ready';
  readonly identity: ClusterIdentity | undefined;
  readonly recordVersion: number | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly ttlMs: number;
  /** The registration that this call renews. */
  readonly held?: Registration;
}

export type RegisterOutcome =
  | { readonly kind: 'registered'; readonly registration: Registration; readonly record: StoredRecord }
  | { readonly kind: 'conflict'; readonly instance: InstanceId | undefined };

export interface MemberList {
  readonly members: readonly Registration[];
  readonly record: StoredRecord;
  /** false: entries may be missing, so that absence proves nothing. */
  readonly complete: boolean;
  /** Entries under our prefix that could not be understood. */
  readonly skipped: readonly { readonly key: string; readonly reason: string }[];
  /** Never goes back inside one store identity. */
  readonly revision: bigint | undefined;
  /** Identity of the store itself. */
  readonly store: string | undefined;
}

export interface LockRequest {
  readonly name: string;
  readonly node: NodeId;
  readonly instance: InstanceId;
  /** One per acquisition, repeated by its retries. */
  readonly attempt: string;
  readonly ttlMs: number;
  /** The grant that this call renews. */
  readonly held?: LockGrant;
}

export interface LockGrant {
  readonly name: string;
  readonly attempt: string;
  /** Fencing token: larger than that of every earlier grant of this lock. */
  readonly token: bigint;
  /** The TTL that the store granted, in ms. */
  readonly ttlMs: number;
  /** The backend's own handle to this grant; opaque to everybody else. */
  readonly ref: string;
  /** On {@link FORMATION_LOCK} only. */
  readonly record: StoredRecord | undefined;
}

export type LockOutcome =
  | { readonly kind: 'held'; readonly grant: LockGrant }
  | {
      readonly kind: 'busy';
      readonly holder: NodeId | undefined;
      /** No attempt before this can succeed. */
      readonly retryAfterMs?: number;
      /** Settles when the lock may be free. Starts nothing until it is called; only a hint. */
      readonly released?: (signal: AbortSignal) => Promise<void>;
    }
  /** Only in answer to `held`. */
  | { readonly kind: 'lost' };

export type UnlockOutcome = { readonly kind: 'released' } | { readonly kind: 'lost' };

export interface UnlockOptions extends CallOptions {
  /** Written by the same conditional write that releases the lock; on {@link FORMATION_LOCK} only. */
  readonly record?: ClusterRecord;
}

/**
 * A store. Each verb is one bounded exchange: no loop, no timer, no state machine. Everything that takes time is the
 * core's. Bound to one cluster at construction. The contract of each verb is in the package's `AUTHORING.md`.
 */
export interface Backend {
  /** For logs, e.g. `etcd`. */
  readonly name: string;
  readonly spi: 1;
  /** The cluster name that this backend is bound to. */
  readonly cluster: string;
  readonly capabilities: Capabilities;
  /** Makes or renews an entry; each call restarts its TTL. With `held` it proves the own key and writes it again if gone. */
  register(request: RegisterRequest, options: CallOptions): Promise<RegisterOutcome>;
  /** Removes exactly this registration; a newer instance's stays. */
  unregister(registration: Registration, options: CallOptions): Promise<void>;
  /** All entries and the record. A failure throws; an empty namespace is an empty complete list. */
  list(options: CallOptions): Promise<MemberList>;
  /** One attempt to acquire, or one renewal. Idempotent per attempt: a repeat extends the grant that it reports. */
  lock(request: LockRequest, options: CallOptions): Promise<LockOutcome>;
  /** Releases exactly this grant, never a newer one; with `record` it commits the record in the same write. */
  unlock(grant: LockGrant, options: UnlockOptions): Promise<UnlockOutcome>;
  /** Tells of changes until it breaks; the core then lists and opens it again. */
  watch?(options: CallOptions): AsyncIterable<MemberList | 'changed'>;
  /** Ends every connection and watch. Afterwards each verb rejects `CLOSED` and the process can exit. */
  close(): Promise<void>;
}
