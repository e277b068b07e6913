import { join } from 'node:path';
import { ClusterError } from '@autocluster/core/backend';
import { open, type RootDatabase } from 'lmdb';
import { dataFileProblem } from './data-file.js';
import { closedError } from './errors.js';
import { endOf } from './keys.js';
import type { Numbers, Reader, Write } from './view.js';

export const DATA_FILE = 'data.mdb';

/** The latest state together with what this transaction has written. */
export interface Transaction extends Reader {
  write(writes: readonly Write[]): void;
  writeNumbers(key: string, numbers: Numbers): void;
}

/** An open LMDB store. Open it, write to it and close it in one's turn only. */
export interface Database {
  /** Asks one unchanging state, the latest that any process has written. */
  read<T>(ask: (reader: Reader) => T): T;
  /** What `work` writes is on disk when it returns; nothing of it is there when `work` throws. */
  transact<T>(work: (transaction: Transaction) => T): T;
  /** Whether there is nothing in the store. */
  isEmpty(): boolean;
  /** Bytes of all live entries, page by page. */
  usedBytes(): number;
  close(): void;
}

type Store = RootDatabase<Buffer, Buffer>;

/** Two numbers of eight bytes. */
const NUMBERS_BYTES = 16;

const bytes = (text: string): Buffer => Buffer.from(text, 'utf8');

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

/** In a transaction that is carried out at once, what fails throws, and the promises have settled. */
function transactionOf(db: Store): Transaction {
  return {
    ...readerOf(db),
    write(writes) {
      for (const { key, value } of writes) {
        void (value === undefined ? db.remove(bytes(key)) : db.put(bytes(key), bytes(value)));
      }
    },
    writeNumbers: (key, numbers) => void db.put(bytes(key), numbersToBytes(numbers)),
  };
}

function openStore(folder: string): Store {
  const problem = dataFileProblem(join(folder, DATA_FILE));
  if (problem !== undefined) {
    const text = `${folder} holds a ${DATA_FILE} that is not a sound LMDB file: ${problem}`;
    throw new ClusterError('STORE_FAILED', text, { retryable: false, outcomeUnknown: false });
  }
  return open<Buffer, Buffer>({
    path: folder,
    noSubdir: false,
    encoding: 'binary',
    keyEncoding: 'binary',
    maxReaders: 1024,
    mapSize: 1024 * 1024,
    // A process killed in the middle of an overlapping sync can make another one lose a commit that it has answered.
    overlappingSync: false,
  });
}

function usedBytes(db: Store): number {
  const stats = db.getStats() as Readonly<Record<string, unknown>>;
  const pages = ['treeBranchPageCount', 'treeLeafPageCount', 'overflowPages'].map((name) => Number(stats[name]));
  return pages.reduce((sum, count) => sum + count, 0) * Number(stats['pageSize']);
}

/** Opens the store in `folder`, or makes it. */
export function openDatabase(folder: string): Database {
  let db: Store | undefined = openStore(folder);
  let closed = false;

  const opened = (): Store => {
    if (closed) throw closedError('read', false);
    if (db !== undefined) return db;
    throw new ClusterError('STORE_FAILED', `${folder} could not be opened again`, { outcomeUnknown: false });
  };
  /** Without promises of its own LMDB is closed when this returns. */
  const shut = () => {
    void db?.close();
    db = undefined;
  };
  const openAgain = () => {
    shut();
    try {
      db = openStore(folder);
    } catch {
      // The next transaction tries it once more, and tells why it cannot be done.
    }
  };
  return {
    read(ask) {
      const store = opened();
      store.resetReadTxn();
      try {
        return ask(readerOf(store));
      } finally {
        // A snapshot that is kept keeps old pages from being used again.
        store.resetReadTxn();
      }
    },
    transact(work) {
      if (closed) throw closedError('write', false);
      const store = (db ??= openStore(folder));
      try {
        return store.transactionSync(() => work(transactionOf(store)));
      } catch (error) {
        // What LMDB keeps of a transaction that it could not carry out is not to be built upon.
        openAgain();
        throw error;
      }
    },
    isEmpty: () => [...opened().getKeys({ limit: 1 })].length === 0,
    usedBytes: () => usedBytes(opened()),
    close() {
      closed = true;
      shut();
    },
  };
}
