import { decodeRecord, type StoredRecord } from '@autocluster/core/backend';
import type { ClusterKeys } from './keys.js';
import type { Moment } from './lease.js';

/** Of one cluster. Neither ever falls. */
export interface Numbers {
  /** How many writes there were. */
  readonly sequence: number;
  /** Number of the last write that changed what a list shows. */
  readonly changed: number;
}

/** Reads one unchanging state of the store. */
export interface Reader {
  get(key: string): string | undefined;
  numbers(key: string): Numbers | undefined;
  /** Keys that begin with `prefix`, in the order of their bytes. */
  range(prefix: string): Iterable<{ readonly key: string; readonly value: string }>;
}

/** One cluster at one moment. */
export interface View extends Reader, Moment {
  readonly keys: ClusterKeys;
  /** Undefined before the first write. */
  readonly counters: Numbers | undefined;
}

export interface Write {
  readonly key: string;
  /** Undefined: the key is removed. */
  readonly value: string | undefined;
}

/** What a verb answers, once its writes are done; without writes at once. */
export interface Plan<Outcome> {
  readonly outcome: Outcome;
  readonly writes: readonly Write[];
  /** What the writes mean to others: a list would show them, or only those who wait for a lock care. */
  readonly news: 'list' | 'lock' | 'none';
  /** Whether the writes take room that was not taken before. */
  readonly grows: boolean;
}

export const nothing = <Outcome>(outcome: Outcome): Plan<Outcome> => ({
  outcome,
  writes: [],
  news: 'none',
  grows: false,
});

/** The time is asked for behind the state, so that no lease in the state began later. */
export function viewOf(reader: Reader, keys: ClusterKeys, now: () => Moment): View {
  const counters = reader.numbers(keys.sequence);
  return { ...reader, ...now(), keys, counters };
}

/** Number of the write that a verb is about to make. */
export const nextOf = (view: View): number => (view.counters?.sequence ?? 0) + 1;

export function storedRecord(view: View): StoredRecord {
  const text = view.get(view.keys.record);
  return text === undefined ? { kind: 'absent' } : decodeRecord(text);
}
