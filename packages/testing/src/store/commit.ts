import type { ClusterRecord, LockGrant } from '@autocluster/core/backend';
import { storedRecord } from './entries.js';
import type { StoreFact } from './history.js';
import { lockFact, type Namespace } from './namespace.js';

type Unlocked = 'released' | 'lost';

/** Whether the store has what this commit would write: an earlier exchange of it succeeded. */
function isCommitted(space: Namespace, { clusterId, generation, token }: ClusterRecord): boolean {
  const { decoded } = space.record;
  if (decoded.kind !== 'present') return false;
  const { record } = decoded;
  return record.clusterId === clusterId && record.generation === generation && record.token === token;
}

function commitFact(space: Namespace, { name, attempt, token }: LockGrant, record: ClusterRecord): StoreFact {
  const holder = space.locks.get(name);
  const underLock = space.isHeld({ name, attempt, token });
  const by = { node: record.createdBy, instance: holder && underLock ? holder.instance : '' };
  return {
    kind: 'record-committed',
    lock: name,
    attempt,
    token,
    ...by,
    record: { kind: 'present', record },
    underLock,
  };
}

/** Releases and writes the record in one conditional write. */
export function commitAndRelease(space: Namespace, grant: LockGrant, record: ClusterRecord, nowMs: number): Unlocked {
  space.endAttempt(grant.attempt);
  const holder = space.locks.get(grant.name);
  if (!holder || !space.isHeld(grant)) return isCommitted(space, record) ? 'released' : 'lost';
  const entry = storedRecord(record);
  const apply = () => {
    space.record = entry;
    space.locks.delete(grant.name);
  };
  space.change(nowMs, apply, commitFact(space, grant, record), { kind: 'unlocked', ...lockFact(holder) });
  return 'released';
}

/** The exchanges of a commit in a store that cannot do it in one. Each answers whether to go on. */
export const separateCommit = {
  /** An advisory store looks at the lock, and writes without looking again. */
  check: (space: Namespace, grant: LockGrant, record: ClusterRecord): boolean =>
    space.isHeld(grant) || isCommitted(space, record),
  write(
    space: Namespace,
    grant: LockGrant,
    record: ClusterRecord,
    { nowMs, fenced }: { nowMs: number; fenced: boolean },
  ) {
    // A second copy of a request finds what the first one wrote.
    if (isCommitted(space, record)) return true;
    if (fenced && !space.isHeld(grant)) return false;
    const entry = storedRecord(record);
    space.change(nowMs, () => void (space.record = entry), commitFact(space, grant, record));
    return true;
  },
  release: (space: Namespace, grant: LockGrant, record: ClusterRecord, nowMs: number): Unlocked =>
    space.release(grant, nowMs) || isCommitted(space, record) ? 'released' : 'lost',
};
