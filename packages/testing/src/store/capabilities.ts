import type { Capabilities } from '@autocluster/core/backend';

/** What a memory store can do unless told otherwise: the whole contract, as etcd keeps it. */
export const FULL_CAPABILITIES: Capabilities = {
  registration: 'explicit',
  metadata: true,
  ttl: { minMs: 1000, maxMs: 86_400_000, stepMs: 1 },
  listConsistency: 'linearizable',
  ordered: true,
  exclusiveNames: true,
  lock: 'fenced',
  tokenIsRevision: true,
  record: 'atomic',
  takeover: { earliest: { timesTtl: 1, plusMs: 0 }, latest: { timesTtl: 1, plusMs: 0 } },
  watch: true,
  watchesExpiry: true,
};

/** Entries live one to two TTLs, and a lock that was lost is refused to everybody for `lockDelayMs`, as in Consul. */
export function consulLike(lockDelayMs = 15_000): {
  readonly capabilities: Partial<Capabilities>;
  readonly lockDelayMs: number;
} {
  const takeover = { earliest: { timesTtl: 1, plusMs: 0 }, latest: { timesTtl: 2, plusMs: lockDelayMs } };
  return { capabilities: { takeover, ttl: { minMs: 10_000, maxMs: 86_400_000, stepMs: 1000 } }, lockDelayMs };
}

/** The TTL that a store with these limits grants for the one that was asked. */
export function grantedTtlMs(asked: number, limits: Capabilities['ttl']): number {
  if (limits === 'none') return asked;
  const stepped = Math.ceil(asked / limits.stepMs) * limits.stepMs;
  return Math.min(limits.maxMs, Math.max(limits.minMs, stepped));
}
