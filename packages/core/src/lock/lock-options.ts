import { CLEANUP_LOCK, FORMATION_LOCK, type NodeId, requireName } from '../backend/index.js';
import { invalidRange, requireKnown, requireWhole, signalProblem } from '../errors/index.js';
import { processName } from '../runtime/index.js';

export interface LockOptions {
  /** How long the lock outlives a holder that died. Default: 30 000. */
  readonly ttlMs?: number;
  /**
   * How long to wait while others hold it; counts anew when it is seen to change hands, and behind others of this process when one
   * of them gets it. 0 tries once. Default: 300 000.
   */
  readonly waitMs?: number | 'unlimited';
  /** Ends the waiting. The lock itself is not affected once it is acquired. */
  readonly signal?: AbortSignal;
  /** Who holds it, for people. Default: `pid@hostname`. */
  readonly owner?: NodeId;
}

/** Lock options with every default filled in. */
export interface ResolvedLockOptions {
  readonly ttlMs: number;
  readonly waitMs: number;
  readonly signal: AbortSignal | undefined;
  readonly owner: NodeId;
}

const KNOWN = ['ttlMs', 'waitMs', 'signal', 'owner'] as const;
const LONGEST_WAIT_MS = 2 ** 31 - 1;
const RESERVED: readonly string[] = [FORMATION_LOCK, CLEANUP_LOCK];

export function requireLockName(name: unknown): string {
  const text = requireName('name', name);
  if (RESERVED.includes(text)) throw invalidRange('name', text, `any but the reserved ${RESERVED.join(' and ')}`);
  return text;
}

function waitOf(waitMs: number | 'unlimited'): number {
  if (waitMs === 'unlimited') return Number.POSITIVE_INFINITY;
  return requireWhole('waitMs', waitMs, { min: 0, max: LONGEST_WAIT_MS, unit: 'ms' });
}

export function resolveLockOptions(options: LockOptions): ResolvedLockOptions {
  requireKnown(options, KNOWN, 'a lock');
  const { ttlMs = 30_000, waitMs = 300_000, signal, owner = processName() } = options;
  const problem = signalProblem(signal);
  if (problem) throw problem;
  return { ttlMs, waitMs: waitOf(waitMs), signal, owner: requireName('owner', owner) };
}
