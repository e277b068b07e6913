import {
  ClusterError,
  FORMATION_LOCK,
  isClusterError,
  type LockGrant,
  type LockOutcome,
  type LockRequest,
  type UnlockOutcome,
} from '../backend/index.js';
import { type AttemptKey, Attempts } from './attempts.js';
import { checkLocked, checkUnlocked } from './check-answer.js';
import { ask, type Guard, requireOpen } from './guard-call.js';
import { guardHint } from './guard-hint.js';
import type { GuardCall, GuardedBackend, LockAttempt, UnlockCall } from './guarded-backend.js';
import { afterUndo, GRACE_MS } from './undo.js';

type LockVerbs = Pick<GuardedBackend, 'lock' | 'giveUpLock' | 'unlock'>;

const keyOf = ({ name, attempt }: LockAttempt): AttemptKey => ({ place: name, id: attempt });
const grantedBy = (outcome: LockOutcome): LockGrant | undefined =>
  outcome.kind === 'held' ? outcome.grant : undefined;

function exchangeLock(guard: Guard, request: LockRequest, call?: GuardCall, isUndo = false) {
  return ask(guard, {
    verb: 'lock',
    call,
    isUndo,
    start: (options) => guard.backend.lock(request, options),
    check: (asked, answer) => checkLocked(asked, request, guardHint, answer),
  });
}

function exchangeUnlock(guard: Guard, grant: LockGrant, call?: UnlockCall, isUndo = false) {
  const record = call?.record;
  return ask(guard, {
    verb: 'unlock',
    call,
    isUndo,
    start: (options) => guard.backend.unlock(grant, record === undefined ? options : { ...options, record }),
    check: checkUnlocked,
  });
}

/** Once more when the first answer leaves it open. Then it lapses. */
async function undo(guard: Guard, grant: LockGrant): Promise<void> {
  try {
    await exchangeUnlock(guard, grant, undefined, true).delivered;
  } catch (error) {
    if (isClusterError(error) && error.retryable) await exchangeUnlock(guard, grant, undefined, true).delivered;
  }
}

function requireLocks(guard: Guard, operation: string): void {
  if (guard.manifest.capabilities.lock !== 'none') return;
  throw new ClusterError('UNSUPPORTED', `${guard.manifest.name} has no locks`, { operation });
}

/** The verbs about locks. */
export function guardLock(guard: Guard): LockVerbs & { readonly attempts: Attempts<LockGrant> } {
  const attempts = new Attempts<LockGrant>({
    runtime: guard.runtime,
    settleMs: GRACE_MS + guard.callTimeoutMs,
    undo: (grant) => undo(guard, grant),
    same: (late, delivered) => late.token === delivered.token,
  });

  function begin(request: LockRequest, call: GuardCall | undefined): Promise<LockOutcome> {
    requireOpen(guard, 'lock', call);
    call?.onSend?.();
    // A renewal is never undone: what it renews was delivered, and a released grant cannot be renewed.
    if (request.held !== undefined) return exchangeLock(guard, request, call).delivered;
    return attempts.run(keyOf(request), {
      start: () => exchangeLock(guard, request, call),
      thingOf: grantedBy,
      repeat: () => exchangeLock(guard, request, undefined, true),
      renewed: undefined,
    });
  }

  return {
    attempts,
    async lock(request, call) {
      requireLocks(guard, 'lock');
      requireOpen(guard, 'lock', call);
      const waiting = request.held === undefined ? afterUndo(guard, 'lock', attempts, keyOf(request), call) : undefined;
      return begin(request, waiting === undefined ? call : await waiting);
    },
    giveUpLock: (attempt) => attempts.giveUp(keyOf(attempt)),
    async unlock(grant, call): Promise<UnlockOutcome> {
      requireLocks(guard, 'unlock');
      requireOpen(guard, 'unlock', call);
      if (call?.record !== undefined && grant.name !== FORMATION_LOCK) {
        const text = `only the lock '${FORMATION_LOCK}' carries the record, '${grant.name}' does not`;
        throw new ClusterError('UNSUPPORTED', text, { operation: 'unlock' });
      }
      void attempts.finish(keyOf(grant));
      return exchangeUnlock(guard, grant, call).delivered;
    },
  };
}
