import {
  closeSync,
  existsSync,
  type FSWatcher,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  watch,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { hasEnded, ownMark } from './process-mark.js';

/**
 * Processes that wait for their turn, first come, first served. It only tells who should try next: whose turn it is does not
 * depend on it, so that a ticket that is lost, or left behind by a process that was killed, costs a moment and nothing else.
 */
export interface Queue {
  /** Nobody waits, and nobody who was called is on the way. */
  isEmpty(): boolean;
  /** Tickets of those that were called, and have not come yet. */
  called(): readonly string[];
  /** Calls the first that waits, unless one is on the way that is not among the `late`. */
  callFirst(late?: readonly string[]): void;
  /** A place behind all others; show its ticket at once. */
  join(): Place;
}

export interface Place {
  /** Shows the ticket, from which moment on it can be called. After a call that was in vain it is the old place again. */
  keep(): void;
  isCalled(): boolean;
  /** Settles when the place is called, and after `limitMs` in any case. */
  wait(limitMs: number): Promise<void>;
  leave(): void;
}

/** Those that were called sort before those that wait. */
const CALLED = 'called-';
const WAITING = 'waiting-';
const DIGITS = 12;
const TICKET = /^[a-z]+-(\d+)-\d+-(.+)$/;

const numberOn = (name: string): number => Number(TICKET.exec(name)?.[1] ?? 0);
const isOfEnded = (name: string): boolean => hasEnded(TICKET.exec(name)?.[2] ?? '');

/** Whether it was there still. */
function tryToRename(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
}

/** Undefined when the system watches no more files, or the file is gone; who waits looks from time to time anyway. */
function tryToWatch(file: string, onChange: () => void): FSWatcher | undefined {
  try {
    return watch(file, onChange).on('error', onChange);
  } catch {
    return undefined;
  }
}

function createPlace(folder: string, ticket: string): Place {
  const waiting = join(folder, WAITING + ticket);
  const called = join(folder, CALLED + ticket);
  let watcher: FSWatcher | undefined;
  let wake = () => undefined as void;

  const isCalled = () => !existsSync(waiting);
  const stop = () => {
    watcher?.close();
    watcher = undefined;
  };
  return {
    keep() {
      if (!isCalled()) return;
      stop();
      if (!tryToRename(called, waiting)) closeSync(openSync(waiting, 'w', 0o600));
      watcher = tryToWatch(waiting, () => wake());
    },
    isCalled,
    async wait(limitMs) {
      if (isCalled()) return;
      const woken = new AbortController();
      wake = () => woken.abort();
      await pause(limitMs, undefined, { signal: woken.signal }).catch(() => undefined);
    },
    leave() {
      stop();
      // A call that comes in between finds the ticket, or is taken back with it.
      rmSync(waiting, { force: true });
      rmSync(called, { force: true });
    },
  };
}

export function createQueue(folder: string): Queue {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const names = () => readdirSync(folder).sort();
  let places = 0;
  const newTicket = () => {
    const number = 1 + Math.max(0, ...names().map(numberOn));
    places += 1;
    return `${`${number}`.padStart(DIGITS, '0')}-${places}-${ownMark}`;
  };
  const drop = (name: string) => rmSync(join(folder, name), { force: true });

  /** Whether somebody comes. */
  const call = (name: string, late: readonly string[]): boolean => {
    const isWaiting = name.startsWith(WAITING);
    if (late.includes(name) || isOfEnded(name)) drop(name);
    else if (!isWaiting) return true;
    else return tryToRename(join(folder, name), join(folder, CALLED + name.slice(WAITING.length)));
    return false;
  };
  return {
    isEmpty: () => names().length === 0,
    called: () => names().filter((name) => !name.startsWith(WAITING)),
    callFirst: (late = []) => void names().some((name) => call(name, late)),
    join: () => createPlace(folder, newTicket()),
  };
}
