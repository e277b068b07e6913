import { closeSync, mkdirSync, openSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { hasEnded, ownMark } from './process-mark.js';
import { createQueue, type Queue } from './queue.js';

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
  /** Those that wait for their turn. */
  readonly queue: Queue;
  /** Calls the first of them, unless somebody has the turn, and will, or was called and is not among the `late`. */
  passOn(late?: readonly string[]): void;
}

/** In the folder of the store: where processes show whose turn it is, and where they wait for it. */
export const TURN_FOLDER = 'turn';
export const QUEUE_FOLDER = 'queue';

/**
 * Who wants a turn shows a file, and then looks for others: of two who want it at once, at least one sees the other. A file
 * is shown for as long as `work` takes, in which nothing else of this process runs. Who is the last to take a file away
 * calls the first that waits.
 */
export function createTurn(store: string): Turn {
  const folder = join(store, TURN_FOLDER);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const queue = createQueue(join(store, QUEUE_FOLDER));
  const own = join(folder, ownMark);

  const others = () => readdirSync(folder).filter((mark) => mark !== ownMark);
  const passOn = (late?: readonly string[]) => {
    try {
      if (!queue.isEmpty() && others().length === 0) queue.callFirst(late);
    } catch {
      // A call that is lost costs time only: the work is done.
    }
  };
  return {
    queue,
    passOn,
    attempt(work) {
      // A file that is shown in vain keeps others off for that moment.
      if (others().length > 0) return undefined;
      closeSync(openSync(own, 'w', 0o600));
      try {
        return others().length === 0 ? { result: work() } : undefined;
      } finally {
        rmSync(own, { force: true });
        passOn();
      }
    },
    others,
    forget() {
      for (const mark of others().filter(hasEnded)) rmSync(join(folder, mark), { force: true });
    },
  };
}

/** A call comes at once. It does not come from one that was killed in its turn, or that misses it because it is stopped. */
const LOOK_EVERY_MS = 50;

/** Does `work` when the turn comes; `requireWanted` throws when it is not waited for any longer. */
export async function inTurn<T>(turn: Turn, work: () => T, requireWanted: () => void): Promise<T> {
  const { queue } = turn;
  requireWanted();
  const done = queue.isEmpty() ? turn.attempt(work) : undefined;
  if (done !== undefined) return done.result;
  const place = queue.join();
  const leaveAndWork = () => {
    place.leave();
    return work();
  };
  try {
    for (;;) {
      place.keep();
      turn.forget();
      // Whoever had its turn until now may not have seen this ticket.
      turn.passOn();
      const called = queue.called();
      await place.wait(LOOK_EVERY_MS);
      requireWanted();
      if (!place.isCalled()) turn.passOn(called);
      // Called or not: a turn that stands free goes to whoever is given the processor.
      const had = turn.attempt(leaveAndWork);
      if (had !== undefined) return had.result;
    }
  } catch (error) {
    place.leave();
    // Its call may have been the only one on the way.
    turn.passOn();
    throw error;
  }
}
