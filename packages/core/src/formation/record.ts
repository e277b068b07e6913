import { CLEANUP_PAUSED, nextRecord } from '../backend/cluster-record.js';
import { type ClusterRecord, sameIdentity } from '../backend/index.js';
import type { RecordChange } from './decide/decision.js';
import { membersSeen } from './memory.js';
import { claimedIdentity, identityOf, type Situation } from './situation.js';

/** What a record needs that cannot be worked out: made afresh with each grant. */
export interface Minted {
  readonly clusterId: string;
  /** ISO 8601. */
  readonly createdAt: string;
}

export interface Author {
  readonly self: string;
  readonly token: bigint;
  readonly minted: Minted;
}

/** The first record of a cluster. What operators have set for this name outlives the cluster that it replaces. */
export function firstRecord(
  author: Author,
  generation: number,
  size: number,
  replaced: ClusterRecord | undefined,
): ClusterRecord {
  return {
    clusterId: author.minted.clusterId,
    generation,
    createdBy: author.self,
    createdAt: author.minted.createdAt,
    token: author.token,
    version: 1,
    size,
    idle: false,
    removed: [],
    settings: replaced?.settings ?? {},
    extra: replaced?.extra ?? {},
  };
}

/** The record of the own cluster as it goes back into a store that has lost it. */
function restoredRecord({ own, kept, record, ownMembers }: Situation, author: Author): ClusterRecord | undefined {
  const mine = claimedIdentity(own);
  if (!mine) return undefined;
  const older = record && sameIdentity(identityOf(record), mine) ? record : undefined;
  if (!kept || !sameIdentity(identityOf(kept), mine)) {
    const first = older ?? {
      ...firstRecord(author, mine.generation, ownMembers.length, undefined),
      ...mine,
      version: 0,
    };
    // Nobody knows any more whom cleanup had removed, or whether it was paused: an operator must say so.
    return nextRecord(first, author.token, {
      size: Math.max(first.size, ownMembers.length),
      settings: { ...first.settings, [CLEANUP_PAUSED]: 'restored' },
    });
  }
  // What others wrote into the older one since then, newer versions too, is not in ours.
  return {
    ...nextRecord(kept, author.token, {
      size: Math.max(kept.size, older?.size ?? 0, ownMembers.length),
      idle: false,
      removed: [...new Set([...kept.removed, ...(older?.removed ?? [])])],
      settings: { ...older?.settings, ...kept.settings },
    }),
    version: Math.max(kept.version, older?.version ?? 0) + 1,
    extra: { ...older?.extra, ...kept.extra },
  };
}

/** The record that a change leads to; undefined when there is nothing to change any more. */
export function changedRecord(change: RecordChange, situation: Situation, author: Author): ClusterRecord | undefined {
  const { record, ownMembers } = situation;
  if (change === 'restore') return restoredRecord(situation, author);
  if (change === 'adopt') return firstRecord(author, 1, ownMembers.length, undefined);
  if (!record) return undefined;
  switch (change) {
    case 'resize':
      return nextRecord(record, author.token, { size: Math.max(record.size, membersSeen(situation)) });
    case 'readmit-self':
      return nextRecord(record, author.token, { removed: record.removed.filter((node) => node !== author.self) });
    case 'clear-idle':
      return nextRecord(record, author.token, { idle: false });
  }
}
