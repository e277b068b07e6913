import { randomUUID } from 'node:crypto';
import { accessSync, constants, existsSync } from 'node:fs';
import { join } from 'node:path';
import { ClusterError } from '@autocluster/core/backend';
import { DATA_FILE, type Database, openDatabase } from './database.js';
import { STORE_KEY } from './keys.js';
import { type Notice, openNotice } from './notice.js';
import { QUEUE_FOLDER, TURN_FOLDER, type Turn } from './turn.js';
import { createWriter, type Writer } from './writer.js';

/** Changes of the layout that another release must not touch raise this number. */
const FORMAT = 1;
const IDENTITY = /^\{"format":(\d{1,9})(?:,"id":"([\w-]{1,64})")?/;
const NOTICE_FILE = 'changes';
const FILES = [DATA_FILE, 'lock.mdb', NOTICE_FILE, TURN_FOLDER, QUEUE_FOLDER];

/** An open folder. */
export interface Environment {
  /** Identity of the store. */
  readonly store: string;
  readonly database: Database;
  readonly notice: Notice;
  readonly writer: Writer;
  readonly turn: Turn;
  /** In one's turn only. */
  close(): void;
}

function refuse(folder: string, text: string): never {
  throw new ClusterError('STORE_FAILED', `${folder} ${text}`, { retryable: false, outcomeUnknown: false });
}

/** Throws what the system throws when a file in the folder cannot be read and written. */
export function requireAccess(folder: string): void {
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
function identify(database: Database, folder: string): string {
  const text = database.read((reader) => reader.get(STORE_KEY));
  if (text !== undefined) return identityIn(text, folder);
  if (!database.isEmpty()) refuse(folder, 'holds an LMDB store of something else');
  const id = randomUUID();
  const value = JSON.stringify({ format: FORMAT, id });
  database.transact((transaction) => transaction.write([{ key: STORE_KEY, value }]));
  return id;
}

/** Opens the folder, or makes it a store. In one's turn only. */
export function openEnvironment(folder: string, turn: Turn): Environment {
  const database = openDatabase(folder);
  try {
    const store = identify(database, folder);
    const notice = openNotice(join(folder, NOTICE_FILE));
    return {
      store,
      database,
      notice,
      writer: createWriter(database, turn),
      turn,
      close() {
        notice.close();
        database.close();
      },
    };
  } catch (error) {
    database.close();
    throw error;
  }
}
