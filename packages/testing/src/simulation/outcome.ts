import type { LockOutcome, MemberList } from '@autocluster/core/backend';

/** The kind of an answer of `lock`, whatever else it may be. */
export function outcomeOf(value: unknown): LockOutcome['kind'] | undefined {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return undefined;
  return value.kind === 'held' || value.kind === 'busy' || value.kind === 'lost' ? value.kind : undefined;
}

/** What an answer of `lock` says of the grant, whatever else it may be. */
export function grantOf(value: unknown): { readonly ttlMs: number | undefined; readonly token: bigint | undefined } {
  const grant: unknown = typeof value === 'object' && value !== null && 'grant' in value ? value.grant : undefined;
  if (typeof grant !== 'object' || grant === null) return { ttlMs: undefined, token: undefined };
  const ttlMs = 'ttlMs' in grant && typeof grant.ttlMs === 'number' ? grant.ttlMs : undefined;
  return { ttlMs, token: 'token' in grant && typeof grant.token === 'bigint' ? grant.token : undefined };
}

export const isList = (value: unknown): value is MemberList =>
  typeof value === 'object' && value !== null && 'members' in value && Array.isArray(value.members);

/** Whether `unlock` was answered with a release. */
export const isReleased = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'released';
