import type { ClusterIdentity, Registration, RegisterRequest, StoredRecord } from '@autocluster/core/backend';
import { encodeRecord, decodeRecord, sameIdentity, type ClusterRecord } from '@autocluster/core/backend';

/** A registration as the store keeps it. */
export interface MemberEntry {
  readonly key: string;
  /** As a list shows it. */
  registration: Registration;
  ttlMs: number | undefined;
  expiresAtMs: number;
  /** Number of the newest message that wrote it: an older one that arrives later changes nothing. */
  sequence: number;
}

/** Something under our prefix that is not a registration. */
export interface ForeignEntry {
  readonly key: string;
  readonly reason: string;
}

export interface LockEntry {
  readonly name: string;
  readonly node: string;
  readonly instance: string;
  readonly attempt: string;
  readonly token: bigint;
  ttlMs: number;
  expiresAtMs: number;
  /** Number of the latest message that was counted. */
  sequence: number;
}

export interface RecordEntry {
  /** undefined: there is none. */
  readonly text: string | undefined;
  readonly decoded: StoredRecord;
}

export const NO_RECORD: RecordEntry = { text: undefined, decoded: { kind: 'absent' } };

export const recordEntry = (text: string): RecordEntry => ({ text, decoded: decodeRecord(text) });

/** By way of its text, as in a store that keeps text. */
export const storedRecord = (record: ClusterRecord): RecordEntry => recordEntry(encodeRecord(record));

function sameTexts(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  if (a === b) return true;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}

export function sameContent(entry: Registration, request: RegisterRequest): boolean {
  return (
    entry.instance === request.instance &&
    entry.state === request.state &&
    entry.recordVersion === request.recordVersion &&
    sameIdentity(entry.identity, request.identity) &&
    sameTexts(entry.metadata, request.metadata)
  );
}

const copyIdentity = (identity: ClusterIdentity | undefined): ClusterIdentity | undefined =>
  identity && Object.freeze({ clusterId: identity.clusterId, generation: identity.generation });

/** What a list shows for this request. Frozen, since every list shares it. */
export function listedRegistration(
  { node, instance, state, identity, recordVersion, metadata }: Omit<RegisterRequest, 'ttlMs'>,
  { key, order, metadataKept }: { key: string; order: bigint | undefined; metadataKept: boolean },
): Registration {
  const place = { node, instance, order, ref: key, ttlMs: undefined };
  if (!metadataKept) {
    return Object.freeze({ ...place, state: 'ready', identity: undefined, recordVersion: undefined, metadata: {} });
  }
  const copied = Object.freeze({ ...metadata });
  return Object.freeze({ ...place, state, identity: copyIdentity(identity), recordVersion, metadata: copied });
}
