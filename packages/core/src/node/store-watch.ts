import type { MemberList, StoredRecord } from '../backend/index.js';
import type { ErrorCode } from '../errors/index.js';
import type { Machine } from '../formation/index.js';
import type { EventHub } from './event.js';

/** What a node asks the store for all the time. Either can fail while the other goes on, e.g. by what is allowed to it. */
export type Asked = 'registration' | 'list';

/** Tells once when the store is lost, back, another one, set back, or holds what nobody understands. */
export interface StoreReporter {
  registered(): void;
  failed(asked: Asked, cause: ErrorCode, text: string): void;
  listed(list: MemberList): void;
  stepped(before: Machine, after: Machine): void;
  /** Whether a record differs from the one of the last list. */
  isNews(record: StoredRecord): boolean;
}

export function createStoreReporter(events: EventHub): StoreReporter {
  /** What the store did not answer when it was last asked for it: it is back when it answers all of that again. */
  const missed = new Set<Asked>();
  let skippedMark = '';
  let record: StoredRecord | undefined;

  function answered(asked: Asked): void {
    if (missed.delete(asked) && missed.size === 0) events.emit('store.back');
  }

  return {
    registered: () => answered('registration'),
    failed(asked, cause, text) {
      if (missed.size === 0) events.emit('store.lost', { cause, text });
      missed.add(asked);
    },
    listed(list) {
      answered('list');
      record = list.record;
      const mark = JSON.stringify(list.skipped);
      if (list.skipped.length > 0 && mark !== skippedMark) {
        events.emit('store.skipped', { count: list.skipped.length, entries: list.skipped });
      }
      skippedMark = mark;
    },
    stepped({ memory: before }, { memory: after }) {
      if (after.storeChangedAtMs === before.storeChangedAtMs || after.storeChangedAtMs === undefined) return;
      const name = after.store === before.store ? 'store.reverted' : 'store.changed';
      events.emit(name, { before: before.store, now: after.store, revision: after.revision?.toString() });
    },
    isNews(seen) {
      return versionOf(seen) !== versionOf(record);
    },
  };
}

function versionOf(record: StoredRecord | undefined): string {
  if (record?.kind !== 'present') return record?.kind ?? 'unknown';
  return `${record.record.clusterId}/${record.record.generation}/${record.record.version}`;
}
