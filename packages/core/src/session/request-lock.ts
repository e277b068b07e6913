import { ClusterError, type LockOutcome, type LockRequest } from '../backend/index.js';
import type { GuardCall } from '../guard/index.js';
import { wallLeadMs } from '../runtime/index.js';
import { type KeepLockOptions, keepLock, type LockKeeper } from './lock-keeper.js';

export interface RequestLockOptions extends Pick<KeepLockOptions, 'backend' | 'runtime' | 'timing' | 'onLost'> {
  readonly request: LockRequest;
  readonly call?: GuardCall | undefined;
}

export type KeptLockOutcome =
  | { readonly kind: 'held'; readonly keeper: LockKeeper }
  | Exclude<LockOutcome, { readonly kind: 'held' }>;

/** One exchange for a lock, kept alive from the moment at which it was sent. */
export async function requestLock({ call, ...options }: RequestLockOptions): Promise<KeptLockOutcome> {
  const { backend, runtime, request } = options;
  const now = () => ({ sentAtMs: runtime.clock.monotonicMs(), sentLeadMs: wallLeadMs(runtime.clock) });
  let sent = now();
  const outcome = await backend.lock(request, { ...call, onSend: () => (sent = now()) });
  if (outcome.kind !== 'held') return outcome;
  return { kind: 'held', keeper: keepLock({ ...options, grant: outcome.grant, ...sent }) };
}

export function grantedTooLate(name: string): ClusterError {
  const text = `the lock '${name}' was granted so late that it may have lapsed already`;
  return new ClusterError('TIMEOUT', text, { operation: 'lock' });
}

/**
 * The same, for a request that is the only one of its attempt: a grant whose answer comes when another may have had the lock for
 * long is given back, and rejects.
 */
export async function requestOnce(options: RequestLockOptions): Promise<KeptLockOutcome> {
  const outcome = await requestLock(options);
  if (outcome.kind !== 'held' || !outcome.keeper.signal.aborted) return outcome;
  await outcome.keeper.release();
  throw grantedTooLate(options.request.name);
}
