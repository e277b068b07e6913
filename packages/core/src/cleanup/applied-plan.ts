import { ClusterError, type ClusterRecord, type NodeId } from '../backend/index.js';
import type { CleanupPlan } from './plan/index.js';

const sameNames = (a: readonly NodeId[], b: readonly NodeId[]): boolean =>
  a.length === b.length && a.every((node, index) => node === b[index]);

/** What an operator has read is what is true. */
export function requireSame(read: CleanupPlan, now: CleanupPlan): void {
  const changed = [
    ...(read.identity?.clusterId === now.identity?.clusterId && read.recordVersion === now.recordVersion
      ? []
      : ['the record']),
    ...(sameNames(read.members, now.members) ? [] : ['the members']),
    ...(sameNames(read.listed, now.listed) ? [] : ['the listed names']),
  ];
  if (changed.length === 0) return;
  const text = `${changed.join(' and ')} changed since the plan was read`;
  throw new ClusterError('PLAN_OUTDATED', text, { operation: 'cleanup', details: { changed } });
}

/** Between two removals of one plan only what these removals do may have changed. */
export function requireUnchanged(applied: CleanupPlan, now: CleanupPlan, record: ClusterRecord): void {
  const removed = new Set(record.removed);
  const members = applied.members.filter((node) => now.members.includes(node) || !removed.has(node));
  if (sameNames(applied.listed, now.listed) && sameNames(members, now.members)) return;
  throw new ClusterError('PLAN_OUTDATED', 'members or listed names changed while the plan was applied');
}
