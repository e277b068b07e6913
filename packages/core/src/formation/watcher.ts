import type { GuardedBackend } from '../guard/index.js';
import { backoffMs, pause, type Runtime } from '../runtime/index.js';

const REOPEN = { firstMs: 200, maxMs: 5_000 };

/**
 * Calls `hint` whenever the store says that something changed, and at each break of the watch, since changes may have been
 * missed there. Ends with the signal.
 */
export async function watchChanges(
  backend: GuardedBackend,
  runtime: Runtime,
  signal: AbortSignal,
  hint: () => void,
): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    const changes = backend.watch(signal);
    if (!changes) return;
    try {
      for await (const _change of changes) {
        failures = 0;
        hint();
      }
    } catch {
      // A broken watch is no news about the members: the list that follows is.
    }
    if (signal.aborted) return;
    hint();
    await pause(runtime, backoffMs(failures, REOPEN, runtime.random()), signal);
    failures += 1;
  }
}
