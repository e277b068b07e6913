import { closeSync, mkdirSync, openSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { hasEnded, ownMark } from './process-mark.js';

/**
 * Lets one process at a time open, write or close the store. LMDB locks out writers among themselves, but a process that
 * opens its file sets back what another one commits in that moment, and one that closes it as the last takes the locks away
 * from one that opens it. Nobody waits in LMDB's own locks either, where nothing could end the wait.
 */
export interface Turn {
  /** Does `work` unless another process has its turn; undefined when it has. */
  attempt<T>(work: () => T): { readonly result: T } | undefined;
  /** The marks of those who have, or want, their turn now. */
  others(): readonly string[];
  /** Takes their turn from those that have ended. */
  forget(): void;
}

/**
 * Who wants a turn shows a file, and then looks for others: of two who want it at once, at least one sees the other. A file
 * is shown for as long as `work` takes, in which nothing else of this process runs.
 */
export function createTurn(folder: string): Turn {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const own = join(folder, ownMark);

  const others = () => readdirSync(folder).filter((mark) => mark !== ownMark);
  return {
    attempt(work) {
      // A file that is shown in vain keeps others off for that moment.
      if (others().length > 0) return undefined;
      closeSync(openSync(own, 'w', 0o600));
      try {
        return others().length === 0 ? { result: work() } : undefined;
      } finally {
        rmSync(own, { force: true });
      }
    },
    others,
    forget() {
      for (const mark of others().filter(hasEnded)) rmSync(join(folder, mark), { force: true });
    },
  };
}

/** A turn takes less; who asks more often takes from the processor what those that have their turn need to end it. */
const PAUSE_MS = 10;
const ATTEMPTS_BETWEEN_LOOKS = 4;

/** Does `work` when the turn comes; `requireWanted` throws when it is not waited for any longer. */
export async function inTurn<T>(turn: Turn, work: () => T, requireWanted: () => void): Promise<T> {
  for (let attempts = 0; ; attempts += 1) {
    requireWanted();
    const done = turn.attempt(work);
    if (done !== undefined) return done.result;
    if (attempts % ATTEMPTS_BETWEEN_LOOKS === 0) turn.forget();
    await pause(PAUSE_MS);
  }
}
