import { CLEANUP_PAUSED, nextRecord } from '../backend/cluster-record.js';
import { ClusterError, type ClusterRecord, FORMATION_LOCK, type NodeId, sameIdentity } from '../backend/index.js';
import { invalidRange, invalidType, requireText } from '../errors/index.js';
import { type LockKeeper, patientLock } from '../session/index.js';
import { type CleanupParts, requireFormed } from './parts.js';

export interface OperatorParts extends Omit<CleanupParts, 'onEvent'> {
  /** How long a busy formation lock is waited for, in ms. */
  readonly waitMs: number;
  readonly signal: AbortSignal;
}

/** For what comes from outside. */
export const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((each) => typeof each === 'string');

type Changed = Partial<ClusterRecord> | undefined;
type Change = (record: ClusterRecord) => Changed | Promise<Changed>;

function recordUnder(lock: LockKeeper, { standing }: OperatorParts, operation: string): ClusterRecord {
  const stored = lock.grant.record;
  const identity = standing();
  if (stored?.kind === 'present' && identity && sameIdentity(stored.record, identity)) return stored.record;
  const what = stored?.kind === 'present' ? 'names another cluster' : `is ${stored?.kind ?? 'unknown'}`;
  throw new ClusterError('CLUSTER_MISMATCH', `the record ${what}: nothing was changed`, { operation });
}

/** Whom the own daemon knows. One that is not in the cluster of the record knows nothing of who is marked in it. */
async function membersOf({ driver, signal }: OperatorParts, record: ClusterRecord, operation: string) {
  const { identity, members } = await driver.membership({ signal, list: undefined });
  if (identity.kind === 'committed' && sameIdentity(identity, record)) return members;
  const text = `the own daemon is not in the cluster on record but ${identity.kind}: nothing was changed`;
  throw new ClusterError('CLUSTER_MISMATCH', text, { operation });
}

/** Who is not forgotten. Where entries are views, another process may have forgotten whom this one knows and nobody lists. */
async function presentOf(parts: OperatorParts, record: ClusterRecord, operation: string): Promise<readonly NodeId[]> {
  const members = await membersOf(parts, record, operation);
  const { backend, driver, signal } = parts;
  if (driver.views === 'peer') return members;
  const list = await backend.list({ signal });
  if (list.complete)
    return list.members.filter(({ identity }) => sameIdentity(identity, record)).map(({ node }) => node);
  const text = 'the list says that entries may be missing: nothing was changed';
  throw new ClusterError('STORE_FAILED', text, { operation, retryable: true, outcomeUnknown: false });
}

/** Changes the record under the formation lock; a change that changes nothing writes nothing. */
async function changeRecord(parts: OperatorParts, operation: string, change: Change): Promise<void> {
  const { backend, runtime, timing, driver, instance, signal, waitMs } = parts;
  requireFormed(parts, operation);
  const who = { name: FORMATION_LOCK, node: driver.self, instance, operation };
  const lock = await patientLock({ ...who, backend, runtime, timing, signal, waitMs });
  try {
    const record = recordUnder(lock, parts, operation);
    const changed = await change(record);
    if (!changed) return void (await lock.release());
    lock.assertHeld();
    const outcome = await lock.release({ signal, record: nextRecord(record, lock.grant.token, changed) });
    if (outcome.kind === 'released') return;
    throw new ClusterError('LOCK_LOST', 'the lock ended before the record was written', { operation, retryable: true });
  } catch (error) {
    await lock.release().catch(() => undefined);
    throw error;
  }
}

/** Stops cleanup in the whole cluster, durably, until {@link resume}. */
export async function pause(parts: OperatorParts, reason: string): Promise<void> {
  const why = requireText('reason', reason);
  return changeRecord(parts, 'pause', ({ settings }) =>
    settings[CLEANUP_PAUSED] === why ? undefined : { settings: { ...settings, [CLEANUP_PAUSED]: why } },
  );
}

export function resume(parts: OperatorParts): Promise<void> {
  return changeRecord(parts, 'resume', ({ settings }) => {
    if (settings[CLEANUP_PAUSED] === undefined) return undefined;
    const { [CLEANUP_PAUSED]: _paused, ...others } = settings;
    return { settings: others };
  });
}

/** Takes the mark from a member that was marked for removal and never forgotten. */
export async function readmit(parts: OperatorParts, node: NodeId): Promise<void> {
  requireText('node', node);
  return changeRecord(parts, 'readmit', async (record) => {
    const { removed } = record;
    if (!removed.includes(node)) return undefined;
    const members = await membersOf(parts, record, 'readmit');
    if (!members.includes(node)) {
      const allowed = 'a member that is marked and still in the cluster; one that was forgotten joins anew by itself';
      throw invalidRange('node', node, allowed);
    }
    return { removed: removed.filter((each) => each !== node) };
  });
}

/**
 * Forgets the names of members that were removed and will not come back with their old data: all of them, or these.
 * Answers which.
 */
export async function prune(parts: OperatorParts, nodes?: readonly NodeId[]): Promise<readonly NodeId[]> {
  if (nodes !== undefined && !isTexts(nodes)) throw invalidType('nodes', nodes, 'a list of names');
  let pruned: readonly NodeId[] = [];
  await changeRecord(parts, 'prune', async (record) => {
    const { removed } = record;
    const members = await presentOf(parts, record, 'prune');
    const marked = nodes?.find((node) => removed.includes(node) && members.includes(node));
    if (marked !== undefined) throw invalidRange('nodes', marked, 'names that were forgotten; readmit a marked member');
    pruned = removed.filter((node) => !members.includes(node) && (nodes === undefined || nodes.includes(node)));
    return pruned.length === 0 ? undefined : { removed: removed.filter((node) => !pruned.includes(node)) };
  });
  return pruned;
}
