import type { Member, NodeId, Registration, StoredRecord } from '@autocluster/core/backend';
import { type LockEntry, listedRegistration, NO_RECORD, recordEntry } from './entries.js';
import type { StoreFact } from './history.js';
import type { Namespace } from './namespace.js';

/** A registration as the store keeps it, with the true time of its end. */
export interface InspectedMember {
  readonly registration: Registration;
  readonly ttlMs: number | undefined;
  readonly expiresAtMs: number;
}

/** The true content of one cluster's part of the store. */
export interface InspectedCluster {
  readonly members: readonly InspectedMember[];
  readonly locks: readonly Readonly<LockEntry>[];
  readonly record: StoredRecord;
  readonly recordText: string | undefined;
  /** Keys of what is not a registration. */
  readonly foreign: readonly string[];
}

/** What is left out is as of a ready member without an identity. */
export type InsertedMember = Pick<Member, 'node' | 'instance'> & Partial<Member>;

/** What somebody with access to the store can do by hand. Everything happens at once, without latency or faults. */
export interface StoreCluster {
  /** A member that the platform knows, or somebody wrote. It stays until it is deleted. */
  insertMember(member: InsertedMember): void;
  /** The same for many, by one change of the store. */
  insertMembers(members: readonly InsertedMember[]): void;
  deleteMember(node: NodeId): void;
  /** The value of the node's entry becomes unreadable. */
  corruptMember(node: NodeId): void;
  /** Something under our prefix that is not ours. */
  insertForeign(key: string, reason?: string): void;
  deleteLock(name: string): void;
  deleteRecord(): void;
  overwriteRecord(text: string): void;
  inspect(): InspectedCluster;
}

type Visit = <T>(work: (space: Namespace, nowMs: number) => T) => T;

function withMember(space: Namespace, node: NodeId, remove: boolean): readonly string[] {
  const entries = [...space.members.values()].filter((entry) => entry.registration.node === node);
  if (remove) for (const { key } of entries) space.members.delete(key);
  return entries.map(({ key }) => key);
}

const insertion = ({ node, instance }: InsertedMember): StoreFact => ({
  kind: 'operator',
  action: 'insert-member',
  subject: `${node} ${instance}`,
});

function insert(space: Namespace, member: InsertedMember): void {
  const { node, instance, order } = member;
  const key = space.keyOf(node, instance);
  const content = { state: 'ready', identity: undefined, recordVersion: undefined, metadata: {}, ...member } as const;
  const registration = listedRegistration(content, { key, order, metadataKept: true });
  const entry = { key, registration, ttlMs: undefined, expiresAtMs: Number.POSITIVE_INFINITY, sequence: 0 };
  space.members.set(key, entry);
}

const inspect = (space: Namespace): InspectedCluster => ({
  members: [...space.members.values()].map(({ registration, ttlMs, expiresAtMs }) => ({
    registration,
    ttlMs,
    expiresAtMs,
  })),
  locks: [...space.locks.values()].map((lock) => ({ ...lock })),
  record: space.record.decoded,
  recordText: space.record.text,
  foreign: [...space.foreign.keys()],
});

export function operatorOf(visit: Visit): StoreCluster {
  const act = (action: string, subject: string, apply: (space: Namespace) => void) =>
    visit((space, nowMs) => space.change(nowMs, () => apply(space), { kind: 'operator', action, subject }));
  const insertMembers = (members: readonly InsertedMember[]) =>
    visit((space, nowMs) =>
      space.change(nowMs, () => members.forEach((member) => insert(space, member)), ...members.map(insertion)),
    );
  return {
    insertMember: (member) => insertMembers([member]),
    insertMembers,
    deleteMember: (node) => act('delete-member', node, (space) => withMember(space, node, true)),
    corruptMember: (node) =>
      act('corrupt-member', node, (space) => {
        for (const key of withMember(space, node, true)) space.foreign.set(key, { key, reason: 'not JSON' });
      }),
    insertForeign: (key, reason = 'not JSON') =>
      act('insert-foreign', key, (space) => space.foreign.set(key, { key, reason })),
    deleteLock: (name) => act('delete-lock', name, (space) => space.locks.delete(name)),
    deleteRecord: () => act('delete-record', '', (space) => void (space.record = NO_RECORD)),
    overwriteRecord: (text) => act('overwrite-record', text, (space) => void (space.record = recordEntry(text))),
    inspect: () => visit(inspect),
  };
}
