import type { NodeId } from '../backend/index.js';
import { ClusterError, signalProblem } from '../errors/index.js';
import type { GuardedBackend } from '../guard/index.js';
import { acquireLockIn, type LockHandle, type LockOptions, withLockIn } from '../lock/index.js';
import { anySignal, type Runtime } from '../runtime/index.js';

/** The locks that are taken through a node, and that end with it. */
export interface NodeLocks {
  acquireLock(name: string, options?: LockOptions): Promise<LockHandle>;
  withLock<T>(name: string, options: LockOptions, run: (lock: LockHandle) => Promise<T>): Promise<T>;
  /** Nobody waits any longer; handles are released; work under a lock is waited for, and its lock never taken from it. */
  end(): Promise<void>;
}

/** The handle, with a word when nobody needs to release it any more. */
function tracked(handle: LockHandle, onEnd: () => void): LockHandle {
  return {
    token: handle.token,
    get signal() {
      return handle.signal;
    },
    assertHeld: handle.assertHeld,
    verify: handle.verify,
    release: () => handle.release().finally(onEnd),
    async [Symbol.asyncDispose]() {
      try {
        await handle[Symbol.asyncDispose]();
      } finally {
        onEnd();
      }
    },
  };
}

export function createNodeLocks(backend: GuardedBackend, runtime: Runtime, owner: NodeId): NodeLocks {
  const ending = new AbortController();
  const handles = new Set<LockHandle>();
  const running = new Set<Promise<unknown>>();

  function scopeOf({ signal }: LockOptions) {
    const problem = signalProblem(signal);
    if (problem) throw problem;
    return anySignal([ending.signal, signal]);
  }

  async function acquireLock(name: string, options: LockOptions = {}): Promise<LockHandle> {
    const scope = scopeOf(options);
    try {
      const handle = await acquireLockIn(runtime, backend, name, { owner, ...options, signal: scope.signal });
      if (ending.signal.aborted) {
        // It was won in the very moment in which the node stopped.
        await handle.release().catch(() => undefined);
        throw ending.signal.reason;
      }
      handles.add(handle);
      return tracked(handle, () => handles.delete(handle));
    } finally {
      scope.clear();
    }
  }

  async function runLocked<T>(name: string, options: LockOptions, run: (lock: LockHandle) => Promise<T>): Promise<T> {
    const scope = scopeOf(options);
    const started = withLockIn(runtime, backend, name, { owner, ...options, signal: scope.signal }, run);
    running.add(started);
    try {
      return await started;
    } finally {
      running.delete(started);
      scope.clear();
    }
  }

  return {
    acquireLock,
    withLock: runLocked,
    async end() {
      ending.abort(new ClusterError('CLOSED', 'the node was stopped', { operation: 'lock' }));
      await Promise.allSettled([...[...handles].map((handle) => handle.release()), ...running]);
    },
  };
}
