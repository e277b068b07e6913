import { setImmediate as nextTurn } from 'node:timers/promises';
import { open, type RootDatabase } from 'lmdb';
import { endOf } from './keys.js';
import type { Numbers, Reader, Write } from './view.js';

export interface Commit {
  /** The key whose number must still be `seen`, or which must still be absent. */
  readonly condition: string;
  readonly seen: number | undefined;
  readonly next: Numbers;
  readonly writes: readonly Write[];
}

/** An open LMDB store. */
export interface Database {
  /** Asks one unchanging state, the latest that any process has written. */
  read<T>(ask: (reader: Reader) => T): T;
  /** All writes or none, on disk when it resolves; false when the condition does not hold. */
  commit(commit: Commit): Promise<boolean>;
  /** Writes `value` unless the key exists. */
  commitFirst(key: string, value: string): Promise<boolean>;
  /** Whether there is nothing in the store. */
  isEmpty(): boolean;
  /** Bytes of all live entries, page by page. */
  usedBytes(): number;
  /** Waits for no commit that another process holds up. */
  close(): Promise<void>;
}

type Store = RootDatabase<Buffer, Buffer>;

/** Two numbers of eight bytes. */
const NUMBERS_BYTES = 16;

const bytes = (text: string): Buffer => Buffer.from(text, 'utf8');

/** LMDB-js compares the first eight bytes of a value, as a number, with the version that a commit depends on. */
const numbersToBytes = ({ sequence, changed }: Numbers): Buffer =>
  Buffer.from(new Float64Array([sequence, changed]).buffer);

function bytesToNumbers(value: Buffer | undefined): Numbers | undefined {
  if (value?.length !== NUMBERS_BYTES) return undefined;
  const [sequence = 0, changed = 0] = new Float64Array(Uint8Array.from(value).buffer);
  return { sequence, changed };
}

/** A key as text; one that is not text is shown in hexadecimal digits, which no key of ours looks like. */
function keyText(key: Buffer): string {
  const text = key.toString('utf8');
  return bytes(text).equals(key) ? text : `0x${key.toString('hex')}`;
}

function* rangeOf(db: Store, prefix: string): Generator<{ readonly key: string; readonly value: string }> {
  for (const { key, value } of db.getRange({ start: bytes(prefix), end: bytes(endOf(prefix)) })) {
    yield { key: keyText(key), value: value.toString('utf8') };
  }
}

function readerOf(db: Store): Reader {
  return {
    get: (key) => db.get(bytes(key))?.toString('utf8'),
    numbers: (key) => bytesToNumbers(db.get(bytes(key))),
    range: (prefix) => rangeOf(db, prefix),
  };
}

/** A failed commit rejects with a general error, and tells the reason by a second promise that nobody else handles. */
async function reasonOf(failure: unknown): Promise<unknown> {
  if (typeof failure !== 'object' || failure === null || !('commitError' in failure)) return failure;
  const reason = Promise.resolve(failure.commitError).catch((cause: unknown) => cause);
  // LMDB's codes 1 and 2 never settle it.
  return Promise.race([reason, nextTurn(failure)]);
}

async function commitTo(db: Store, condition: string, seen: number | undefined, apply: () => void): Promise<boolean> {
  const key = bytes(condition);
  try {
    return await (seen === undefined ? db.ifNoExists(key, apply) : db.ifVersion(key, seen, apply));
  } catch (failure) {
    throw await reasonOf(failure);
  }
}

function commitAll(db: Store, { condition, seen, next, writes }: Commit): Promise<boolean> {
  return commitTo(db, condition, seen, () => {
    void db.put(bytes(condition), numbersToBytes(next));
    for (const { key, value } of writes) {
      void (value === undefined ? db.remove(bytes(key)) : db.put(bytes(key), bytes(value)));
    }
  });
}

function openStore(folder: string): Store {
  return open<Buffer, Buffer>({
    path: folder,
    noSubdir: false,
    encoding: 'binary',
    keyEncoding: 'binary',
    maxReaders: 1024,
    mapSize: 1024 * 1024,
    // A process killed in the middle of an overlapping sync can make another one lose a commit that it has answered.
    overlappingSync: false,
    // Batches by turns of the event loop make a promise of their own, which nobody handles when a commit fails.
    eventTurnBatching: false,
  });
}

function usedBytes(db: Store): number {
  const stats = db.getStats() as Readonly<Record<string, unknown>>;
  const pages = ['treeBranchPageCount', 'treeLeafPageCount', 'overflowPages'].map((name) => Number(stats[name]));
  return pages.reduce((sum, count) => sum + count, 0) * Number(stats['pageSize']);
}

/** Opens the store in `folder`, or makes it. Waits, together with the event loop, for a commit that is under way. */
export function openDatabase(folder: string): Database {
  const db = openStore(folder);
  const reader = readerOf(db);
  let underWay = 0;

  const counted = async (commit: Promise<boolean>) => {
    underWay += 1;
    try {
      return await commit;
    } finally {
      underWay -= 1;
    }
  };
  return {
    read(ask) {
      db.resetReadTxn();
      try {
        return ask(reader);
      } finally {
        // A snapshot that is kept keeps old pages from being used again.
        db.resetReadTxn();
      }
    },
    commit: (commit) => counted(commitAll(db, commit)),
    commitFirst: (key, value) => counted(commitTo(db, key, undefined, () => void db.put(bytes(key), bytes(value)))),
    isEmpty: () => [...db.getKeys({ limit: 1 })].length === 0,
    usedBytes: () => usedBytes(db),
    async close() {
      const closed = db.close();
      if (underWay === 0) await closed;
    },
  };
}
