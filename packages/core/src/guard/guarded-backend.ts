import type {
  Capabilities,
  ClusterRecord,
  InstanceId,
  LockGrant,
  LockOutcome,
  LockRequest,
  MemberList,
  NodeId,
  RegisterOutcome,
  RegisterRequest,
  Registration,
  UnlockOutcome,
} from '../backend/index.js';

/** The mark of what has passed the guard. Registered, so that two copies of the package know each other's. */
export const GUARDED: unique symbol = Symbol.for('autocluster.guarded');

export interface GuardCall {
  readonly signal?: AbortSignal | undefined;
  /** Default: the guard's `callTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
  /** Told when a lock is asked for: later than the call where what an earlier attempt left has to be undone first. */
  readonly onSend?: (() => void) | undefined;
}

export interface UnlockCall extends GuardCall {
  /** Written by the same conditional write that releases; on the formation lock only. */
  readonly record?: ClusterRecord | undefined;
}

/** What names one attempt to acquire a lock. */
export type LockAttempt = Pick<LockRequest, 'name' | 'attempt'>;

/**
 * A store that can be trusted to behave: every call settles in time, every answer has the right shape and belongs to its
 * request, every failure is a `ClusterError`, and nothing that was given up stays behind. The core accepts nothing else.
 */
export interface GuardedBackend {
  readonly [GUARDED]: true;
  readonly name: string;
  readonly cluster: string;
  readonly capabilities: Capabilities;
  register(request: RegisterRequest, call?: GuardCall): Promise<RegisterOutcome>;
  /**
   * The attempt to register this instance is over and was never answered: whatever it made, or still makes, is removed.
   * Resolves when that is done, or has taken too long; never rejects. A registration that was answered is left alone.
   */
  giveUpRegistration(node: NodeId, instance: InstanceId): Promise<void>;
  /** Ends this instance's exchanges first, so that none of them can bring the entry back. */
  unregister(registration: Registration, call?: GuardCall): Promise<void>;
  list(call?: GuardCall): Promise<MemberList>;
  lock(request: LockRequest, call?: GuardCall): Promise<LockOutcome>;
  /**
   * This attempt is over and none of its grants was answered: whatever it got, or still gets, is unlocked. Resolves when
   * that is done, or has taken too long; never rejects. A grant that was answered is left alone: unlock it.
   */
  giveUpLock(attempt: LockAttempt): Promise<void>;
  unlock(grant: LockGrant, call?: UnlockCall): Promise<UnlockOutcome>;
  /** Hints that something changed; undefined when the store has no watch. Ends at the signal, ends or throws at a break. */
  watch(signal: AbortSignal): AsyncIterable<MemberList | 'changed'> | undefined;
  /** Waits for undos, bounded; idempotent. Every later call rejects `CLOSED`. */
  close(): Promise<void>;
}
