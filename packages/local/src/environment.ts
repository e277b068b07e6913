import { randomUUID } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { ClusterError } from '@autocluster/core/backend';
import { dataFileProblem } from './data-file.js';
import { type Database, openDatabase } from './database.js';
import { STORE_KEY } from './keys.js';
import { type Notice, openNotice } from './notice.js';

/** Changes of the layout that another release must not touch raise this number. */
const FORMAT = 1;
const IDENTITY = /^\{"format":(\d{1,9})(?:,"id":"([\w-]{1,64})")?/;
const DATA_FILE = 'data.mdb';
const NOTICE_FILE = 'changes';
const FILES = [DATA_FILE, 'lock.mdb', NOTICE_FILE];

/** An open folder, one for all clients of this process. */
export interface Environment {
  /** Identity of the store. */
  readonly store: string;
  readonly database: Database;
  readonly notice: Notice;
  /** Runs one work at a time: two writers of one process would only make one another begin again. */
  inTurn<T>(work: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

function queue(): Environment['inTurn'] {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(work);
    last = mine.catch(() => undefined);
    return mine;
  };
}

function refuse(folder: string, text: string): never {
  throw new ClusterError('STORE_FAILED', `${folder} ${text}`, { retryable: false, outcomeUnknown: false });
}

function requireAccess(folder: string): void {
  const { R_OK, W_OK, X_OK } = constants;
  accessSync(folder, R_OK | W_OK | X_OK);
  const files = FILES.map((name) => join(folder, name)).filter((file) => existsSync(file));
  for (const file of files) accessSync(file, R_OK | W_OK);
}

function identityIn(text: string, folder: string): string {
  const [, format, id] = IDENTITY.exec(text) ?? [];
  if (format === undefined) refuse(folder, 'holds a store whose format cannot be read');
  if (Number(format) !== FORMAT) {
    refuse(folder, `holds a store of format ${format}; this release reads and writes format ${FORMAT}`);
  }
  return id ?? refuse(folder, 'holds a store without an identity');
}

/** The identity of the store; a new folder gets one. Refuses what is not ours, and leaves it as it is. */
async function identify(database: Database, folder: string): Promise<string> {
  const look = () => database.read((reader) => ({ text: reader.get(STORE_KEY), isNew: database.isEmpty() }));
  const { text, isNew } = look();
  if (text !== undefined) return identityIn(text, folder);
  if (!isNew) refuse(folder, 'holds an LMDB store of something else');
  await database.commitFirst(STORE_KEY, JSON.stringify({ format: FORMAT, id: randomUUID() }));
  return identityIn(look().text ?? '', folder);
}

async function openEnvironment(folder: string): Promise<Environment> {
  const problem = dataFileProblem(join(folder, DATA_FILE));
  if (problem !== undefined) refuse(folder, `holds a ${DATA_FILE} that is not a sound LMDB file: ${problem}`);
  const database = openDatabase(folder);
  try {
    const store = await identify(database, folder);
    const notice = openNotice(join(folder, NOTICE_FILE));
    return {
      store,
      database,
      notice,
      inTurn: queue(),
      async close() {
        notice.close();
        await database.close();
      },
    };
  } catch (error) {
    await database.close();
    throw error;
  }
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
  const place = realpathSync(folder);
  requireAccess(place);
  const entry = shared.get(place) ?? { environment: openEnvironment(place), users: 0 };
  shared.set(place, entry);
  entry.users += 1;
  const leave = () => {
    entry.users -= 1;
    const isLast = entry.users === 0;
    if (isLast && shared.get(place) === entry) shared.delete(place);
    return isLast;
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
