import type { GuardedBackend } from '../guard/index.js';
import { backoffMs, pause, type Runtime } from '../runtime/index.js';

const REOPEN = { firstMs: 200, maxMs: 5_000 };

/** Who wants to know of changes. */
export interface Watching {
  /** Something may have changed. */
  hint(): void;
  /** Whether changes are told from now on. */
  watched(isOpen: boolean): void;
}

/** Hints whenever the store says that something changed, and at each break of the watch. Ends with the signal. */
export async function watchChanges(
  backend: GuardedBackend,
  runtime: Runtime,
  signal: AbortSignal,
  watching: Watching,
): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    const changes = backend.watch(signal);
    if (!changes) return;
    try {
      watching.watched(true);
      for await (const _change of changes) {
        failures = 0;
        watching.hint();
      }
    } catch {
      // A broken watch is no news about the members: the list that follows is.
    }
    watching.watched(false);
    if (signal.aborted) return;
    watching.hint();
    await pause(runtime, backoffMs(failures, REOPEN, runtime.random()), signal);
    failures += 1;
  }
}
