import { randomUUID } from 'node:crypto';
import { accessSync, constants, mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ClusterError } from '@autocluster/core/backend';
import { open, type RootDatabase } from 'lmdb';
import { endOf, STORE_KEY } from './keys.js';
import { type Notice, openNotice } from './notice.js';
import type { Numbers, Reader, Write } from './view.js';

/** Changes of the layout that another release must not touch raise this number. */
const FORMAT = 1;
/** Two numbers of eight bytes. */
const NUMBERS_BYTES = 16;

type Store = RootDatabase<Buffer, Buffer>;

export interface Commit {
  /** The key whose number must still be `seen`, or which must still be absent. */
  readonly condition: string;
  readonly seen: number | undefined;
  readonly next: Numbers;
  readonly writes: readonly Write[];
}

/** An open folder, one for all clients of this process. */
export interface Environment {
  /** Identity of the store. */
  readonly store: string;
  readonly notice: Notice;
  /** Bytes of all live entries, page by page. */
  usedBytes(): number;
  /** Asks one unchanging state, the latest that any process has written. */
  read<T>(ask: (reader: Reader) => T): T;
  /** All writes or none, on disk when it resolves; false when the condition does not hold. */
  commit(commit: Commit): Promise<boolean>;
  /** Runs one work at a time: two writers of one process would only make one another begin again. */
  inTurn<T>(work: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

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

function queue(): Environment['inTurn'] {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(work);
    last = mine.catch(() => undefined);
    return mine;
  };
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
  });
}

function refuse(folder: string, text: string): never {
  throw new ClusterError('STORE_FAILED', `${folder} ${text}`, { retryable: false, outcomeUnknown: false });
}

/** The identity of the store; a new folder gets one. Refuses what is not ours, and leaves it as it is. */
async function identify(db: Store, folder: string): Promise<string> {
  for (;;) {
    db.resetReadTxn();
    const value = db.get(bytes(STORE_KEY));
    const inUse = [...db.getKeys({ limit: 1 })].length > 0;
    db.resetReadTxn();
    if (value !== undefined) return identityIn(value.toString('utf8'), folder);
    if (inUse) refuse(folder, 'holds an LMDB store of something else');
    const made = bytes(JSON.stringify({ format: FORMAT, id: randomUUID() }));
    await commitTo(db, STORE_KEY, undefined, () => void db.put(bytes(STORE_KEY), made));
  }
}

function identityIn(text: string, folder: string): string {
  const [, format, id] = /^\{"format":(\d{1,9}),"id":"([\w-]{1,64})"/.exec(text) ?? [];
  if (format === undefined || id === undefined) refuse(folder, 'holds a store whose format cannot be read');
  if (Number(format) === FORMAT) return id;
  return refuse(folder, `holds a store of format ${format}; this release reads and writes format ${FORMAT}`);
}

async function openEnvironment(folder: string): Promise<Environment> {
  const db = openStore(folder);
  try {
    const store = await identify(db, folder);
    const notice = openNotice(join(folder, 'changes'));
    const reader = readerOf(db);
    return {
      store,
      notice,
      inTurn: queue(),
      usedBytes: () => usedBytes(db),
      read(ask) {
        db.resetReadTxn();
        try {
          return ask(reader);
        } finally {
          // A snapshot that is kept keeps old pages from being used again.
          db.resetReadTxn();
        }
      },
      commit: (commit) => commitAll(db, commit),
      async close() {
        notice.close();
        await db.close();
      },
    };
  } catch (error) {
    await db.close();
    throw error;
  }
}

function usedBytes(db: Store): number {
  const stats = db.getStats() as Readonly<Record<string, unknown>>;
  const pages = ['treeBranchPageCount', 'treeLeafPageCount', 'overflowPages'].map((name) => Number(stats[name]));
  return pages.reduce((sum, count) => sum + count, 0) * Number(stats['pageSize']);
}

interface Shared {
  readonly environment: Promise<Environment>;
  users: number;
}

const shared = new Map<string, Shared>();

export interface Borrowed {
  readonly environment: Environment;
  /** Closes the folder with the last borrower of this process. */
  readonly giveBack: () => Promise<void>;
}

/** Opens the folder, or shares it with the other clients of this process. */
export async function borrowEnvironment(folder: string): Promise<Borrowed> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  const place = realpathSync(folder);
  const entry = shared.get(place) ?? { environment: openEnvironment(place), users: 0 };
  shared.set(place, entry);
  entry.users += 1;
  const leave = () => {
    entry.users -= 1;
    const last = entry.users === 0;
    if (last && shared.get(place) === entry) shared.delete(place);
    return last;
  };
  try {
    const environment = await entry.environment;
    return {
      environment,
      async giveBack() {
        if (leave()) await environment.close();
      },
    };
  } catch (error) {
    leave();
    throw error;
  }
}
