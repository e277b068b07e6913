import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Database, Transaction } from './database.js';
import { inTurn, type Turn } from './turn.js';

/** One change of the store. */
export interface Change {
  /** Throws once nobody waits for the change any more; it is then not made. */
  readonly requireWanted: () => void;
  /** What to write into the latest state. When it throws, only this change is not made. */
  readonly prepare: (latest: Transaction) => (() => void) | undefined;
}

/** Writes for all clients of this process: what is asked at one time shares a turn, and its sync to disk. */
export interface Writer {
  /** Whether a change waits for its turn. */
  readonly waiting: boolean;
  /** Settles once the change is on disk, or with what made it impossible. */
  write(change: Change): Promise<void>;
}

const NOBODY = Symbol('nobody waits any more');

interface Job {
  readonly change: Change;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Prepares and writes one after another, so that each sees those before it; answers who is to be told of success. */
function writeIn(transaction: Transaction, jobs: readonly Job[]): readonly Job[] {
  return jobs.filter(({ change, reject }) => {
    let apply: (() => void) | undefined;
    try {
      change.requireWanted();
      apply = change.prepare(transaction);
    } catch (error) {
      reject(error);
      return false;
    }
    apply?.();
    return true;
  });
}

export function createWriter(database: Database, turn: Turn): Writer {
  let jobs: Job[] = [];
  let busy = false;

  /** Those that are not waited for leave; when none is left there is nothing to have a turn for. */
  const requireAny = () => {
    jobs = jobs.filter(({ change, reject }) => {
      try {
        change.requireWanted();
        return true;
      } catch (error) {
        reject(error);
        return false;
      }
    });
    if (jobs.length === 0) throw NOBODY;
  };
  const writeAll = () => {
    const taken = jobs;
    jobs = [];
    try {
      const written = database.transact((transaction) => writeIn(transaction, taken));
      for (const { resolve } of written) resolve();
    } catch (error) {
      for (const { reject } of taken) reject(error);
    }
  };
  const work = async () => {
    // What is asked in the same breath is written together.
    for (await nextTurn(); jobs.length > 0; await nextTurn()) {
      await inTurn(turn, writeAll, requireAny).catch(failAll);
    }
    busy = false;
  };
  const failAll = (error: unknown) => {
    for (const { reject } of jobs.splice(0)) reject(error);
  };
  return {
    get waiting() {
      return jobs.length > 0;
    },
    write: (change) =>
      new Promise((resolve, reject) => {
        jobs.push({ change, resolve, reject });
        if (busy) return;
        busy = true;
        void work();
      }),
  };
}
