import type { Commit, Database } from './database.js';
import type { Numbers, Reader } from './view.js';

/** Writes for all clients of this process: what is asked while a commit is under way shares the next sync to disk. */
export interface Writer {
  /**
   * True when what `prepare` makes of the latest state is on disk, or when it makes nothing; false when the state that it
   * saw did not come to be. Rejects with what `prepare` throws.
   */
  write(prepare: (reader: Reader) => Commit | undefined): Promise<boolean>;
}

interface Job {
  readonly prepare: (reader: Reader) => Commit | undefined;
  readonly resolve: (done: boolean) => void;
  readonly reject: (error: unknown) => void;
}

/** The stored state together with commits that are on their way. */
function upcoming(stored: Reader) {
  const values = new Map<string, string | undefined>();
  const counters = new Map<string, Numbers>();
  function* range(prefix: string) {
    for (const entry of stored.range(prefix)) {
      if (!values.has(entry.key)) yield entry;
    }
    for (const [key, value] of values) {
      if (value !== undefined && key.startsWith(prefix)) yield { key, value };
    }
  }
  const reader: Reader = {
    get: (key) => (values.has(key) ? values.get(key) : stored.get(key)),
    numbers: (key) => counters.get(key) ?? stored.numbers(key),
    range,
  };
  const add = ({ condition, next, writes }: Commit) => {
    counters.set(condition, next);
    for (const { key, value } of writes) values.set(key, value);
  };
  return { reader, add };
}

/**
 * Each commit depends on the number that the one before it leaves behind: when one does not come to be, none behind it
 * does. An answer without a write also waits for the commits that it saw.
 */
function commitTogether(database: Database, jobs: readonly Job[]): Promise<unknown> {
  return database.read((stored) => {
    const { reader, add } = upcoming(stored);
    let last = Promise.resolve(true);
    for (const { prepare, resolve, reject } of jobs) {
      try {
        const commit = prepare(reader);
        if (commit === undefined) {
          last.then(resolve, () => resolve(false));
          continue;
        }
        add(commit);
        last = database.commit(commit);
        last.then(resolve, reject);
      } catch (error) {
        reject(error);
      }
    }
    return last;
  });
}

export function createWriter(database: Database): Writer {
  let waiting: Job[] = [];
  let busy = false;

  const writeAll = async () => {
    while (waiting.length > 0) {
      const jobs = waiting;
      waiting = [];
      try {
        await commitTogether(database, jobs);
      } catch (error) {
        for (const { reject } of jobs) reject(error);
      }
    }
    busy = false;
  };
  return {
    write: (prepare) =>
      new Promise((resolve, reject) => {
        waiting.push({ prepare, resolve, reject });
        if (busy) return;
        busy = true;
        void writeAll();
      }),
  };
}
