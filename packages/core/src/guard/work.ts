import { ClusterError } from '../errors/index.js';
import { anySignal, onAbort, type Runtime } from '../runtime/index.js';
import { fromAbort, fromForeign } from './foreign-error.js';

export interface WorkOptions {
  readonly runtime: Runtime;
  readonly operation: string;
  readonly parent: AbortSignal | undefined;
  /** How long the work may take before it is told to stop. */
  readonly workMs: number;
  /** How long it may then take to stop. */
  readonly stopBudgetMs: number;
  readonly start: (signal: AbortSignal) => Promise<unknown>;
}

type Ended = { readonly kind: 'done' } | { readonly kind: 'failed'; readonly error: ClusterError };

async function settle({ start, operation }: WorkOptions, signal: AbortSignal): Promise<Ended> {
  try {
    await start(signal);
    return { kind: 'done' };
  } catch (thrown) {
    return { kind: 'failed', error: fromForeign(thrown, operation, 'DRIVER_FAILED') };
  }
}

function stuck({ operation, stopBudgetMs }: WorkOptions, reason: unknown): ClusterError {
  const text = `${operation} did not stop within ${stopBudgetMs} ms after it was told to`;
  return new ClusterError('WORK_STUCK', text, { operation, outcomeUnknown: true, cause: reason });
}

/**
 * Work of the daemon. Settles when the work has, also after an abort, since a lock above it must not be released while it
 * may still run. Work that finished all the same has succeeded. Rejects `WORK_STUCK` when it does not stop.
 */
export function work(options: WorkOptions): Promise<void> {
  const { runtime, operation, parent, workMs, stopBudgetMs } = options;
  if (parent?.aborted === true) return Promise.reject(fromAbort(parent.reason, operation, false));
  const { signal, abort, clear } = anySignal([parent]);
  return new Promise((resolve, reject) => {
    const expire = () =>
      abort(new ClusterError('TIMEOUT', `${operation} took longer than ${workMs} ms`, { operation }));
    let cancelTimer = runtime.after(workMs, expire);
    const letGo = onAbort(signal, (reason) => {
      cancelTimer();
      cancelTimer = runtime.after(stopBudgetMs, () => {
        clear();
        reject(stuck(options, reason));
      });
    });
    const finish = (ended: Ended): void => {
      cancelTimer();
      letGo();
      clear();
      if (ended.kind === 'done') resolve();
      else reject(signal.aborted ? fromAbort(signal.reason, operation, true) : ended.error);
    };
    void settle(options, signal).then(finish);
  });
}
