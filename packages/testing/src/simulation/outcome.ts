import type { LockOutcome, MemberList } from '@autocluster/core/backend';

/** The kind of an answer of `lock`, whatever else it may be. */
export function outcomeOf(value: unknown): LockOutcome['kind'] | undefined {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return undefined;
  return value.kind === 'held' || value.kind === 'busy' || value.kind === 'lost' ? value.kind : undefined;
}

export function grantedTtlOf(value: unknown): number | undefined {
  if (typeof value !== 'object' || value === null || !('grant' in value)) return undefined;
  const { grant } = value;
  if (typeof grant !== 'object' || grant === null || !('ttlMs' in grant)) return undefined;
  return typeof grant.ttlMs === 'number' ? grant.ttlMs : undefined;
}

export const isList = (value: unknown): value is MemberList =>
  typeof value === 'object' && value !== null && 'members' in value && Array.isArray(value.members);
