import type { MemberList, StoredRecord } from '../backend/index.js';
import type { ErrorCode } from '../errors/index.js';
import type { Machine } from '../formation/index.js';
import type { EventHub } from './event.js';

/** Tells once when the store is lost, back, another one, set back, or holds what nobody understands. */
export interface StoreReporter {
  answered(): void;
  failed(cause: ErrorCode, text: string): void;
  listed(list: MemberList): void;
  stepped(before: Machine, after: Machine): void;
  /** Whether a record differs from the one of the last list. */
  isNews(record: StoredRecord): boolean;
}

export function createStoreReporter(events: EventHub): StoreReporter {
  let lost = false;
  let skippedMark = '';
  let record: StoredRecord | undefined;

  function answered(): void {
    if (lost) events.emit('store.back');
    lost = false;
  }

  return {
    answered,
    failed(cause, text) {
      if (!lost) events.emit('store.lost', { cause, text });
      lost = true;
    },
    listed(list) {
      answered();
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
