import { mkdirSync, realpathSync } from 'node:fs';
import { type Environment, openEnvironment, requireAccess } from './environment.js';
import { heldUp } from './errors.js';
import { createTurn, inTurn, type Turn } from './turn.js';

interface Folder {
  readonly place: string;
  readonly turn: Turn;
  opening: Promise<Environment> | undefined;
  opened: Environment | undefined;
  users: number;
}

/**
 * The open folders of this process, those of another copy of this module included: of a file that is opened twice LMDB
 * loses all its locks with the first close.
 */
const FOLDERS = Symbol.for('@autocluster/local: folders');
const shared = globalThis as typeof globalThis & { [FOLDERS]?: Map<string, Folder> };
const folders = (shared[FOLDERS] ??= withExit(new Map<string, Folder>()));

function withExit<T>(all: T): T {
  process.once('exit', closeAtExit);
  return all;
}

export interface Borrowed {
  readonly environment: Environment;
  /** Closes the folder with the last borrower of this process. */
  readonly giveBack: () => Promise<void>;
}

/** With the waits between them, about a second. */
const MOST_LOOKS = 20;

/** Throws when the same process had its turn whenever it was looked for, so that it must be stuck. */
function whilePatient({ turn, place }: Folder): () => void {
  let looks = 0;
  let suspects: readonly string[] = [];
  return () => {
    const others = turn.others();
    const still = suspects.filter((mark) => others.includes(mark));
    looks = still.length === 0 ? 0 : looks + 1;
    suspects = still.length === 0 ? others : still;
    if (looks > MOST_LOOKS) throw heldUp(place, suspects);
  };
}

function closeIfUnused(folder: Folder): void {
  if (folder.users > 0) return;
  folders.delete(folder.place);
  folder.opened?.close();
  folder.opened = undefined;
}

async function giveBack(folder: Folder): Promise<void> {
  folder.users -= 1;
  if (folder.users > 0) return;
  // What cannot be closed now stays open for the next borrower, or until the process ends.
  await inTurn(folder.turn, () => closeIfUnused(folder), whilePatient(folder)).catch(() => undefined);
}

const LAST_ATTEMPTS = 20;

/** Node.js closes at the exit what is open, whosever turn it is. */
function closeAtExit(): void {
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  for (const folder of folders.values()) {
    folder.users = 0;
    try {
      for (let attempts = 0; attempts < LAST_ATTEMPTS; attempts += 1) {
        if (folder.turn.attempt(() => closeIfUnused(folder)) !== undefined) break;
        Atomics.wait(sleeper, 0, 0, 1);
      }
    } catch {
      // The folder may be gone by now. The operating system closes what is left, and nobody is left to be told.
    }
  }
}

function open(folder: Folder): Promise<Environment> {
  const { turn, place } = folder;
  return inTurn(
    turn,
    () => {
      folder.opened ??= openEnvironment(place, turn);
      return folder.opened;
    },
    whilePatient(folder),
  );
}

/** Opens the folder, or shares it with the other clients of this process. */
export async function borrowEnvironment(path: string): Promise<Borrowed> {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const place = realpathSync(path);
  requireAccess(place);
  const known = folders.get(place);
  const turn = known?.turn ?? createTurn(place);
  const folder = known ?? { place, turn, opening: undefined, opened: undefined, users: 0 };
  folders.set(place, folder);
  folder.users += 1;
  const opening = (folder.opening ??= open(folder));
  try {
    return { environment: await opening, giveBack: () => giveBack(folder) };
  } catch (error) {
    folder.users -= 1;
    if (folder.opening === opening) folder.opening = undefined;
    if (folder.users === 0 && folders.get(place) === folder) folders.delete(place);
    throw error;
  }
}
