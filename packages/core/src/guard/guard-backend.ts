import type { Backend } from '../backend/index.js';
import { requireWhole } from '../errors/index.js';
import { orLate, type Runtime } from '../runtime/index.js';
import { checkList } from './check-answer.js';
import { checkManifest } from './check-manifest.js';
import { ask, closedError, type Guard, requireOpen } from './guard-call.js';
import { guardLock } from './guard-lock.js';
import { guardRegistration } from './guard-registration.js';
import { guardWatch } from './guard-watch.js';
import { GUARDED, type GuardedBackend } from './guarded-backend.js';
import { undoLimitMs } from './undo.js';

export interface GuardBackendOptions {
  readonly runtime: Runtime;
  /** Longest wait for one answer of the store. */
  readonly callTimeoutMs: number;
}

const sources = new WeakMap<object, Backend>();

/** The backend behind a guard: only good for telling whether two guards watch over the same one. */
export function sourceOf(guarded: GuardedBackend): Backend | undefined {
  return sources.get(guarded);
}

export function isGuarded(backend: Backend | GuardedBackend): backend is GuardedBackend {
  return typeof backend === 'object' && backend !== null && GUARDED in backend;
}

/**
 * The only way in which the core talks to a store. Checks the manifest at once; then every call is bounded, every answer
 * checked and copied, every failure named, and every success that came too late is undone.
 */
export function guardBackend(backend: Backend, { runtime, callTimeoutMs }: GuardBackendOptions): GuardedBackend {
  requireWhole('callTimeoutMs', callTimeoutMs, { min: 1, max: 2 ** 31 - 1, unit: 'ms' });
  const manifest = checkManifest(backend);
  const guard: Guard = { backend, manifest, runtime, callTimeoutMs, running: new Set(), closed: false };
  const registrations = guardRegistration(guard);
  const locks = guardLock(guard);
  let closed: Promise<void> | undefined;

  async function close(): Promise<void> {
    guard.closed = true;
    for (const abort of guard.running) abort(closedError('call'));
    const undone = Promise.all([registrations.attempts.giveUpAll(), locks.attempts.giveUpAll()]);
    await orLate(runtime, undone, undoLimitMs(callTimeoutMs));
    await ask(guard, { verb: 'close', isUndo: true, start: () => backend.close(), check: () => undefined }).delivered;
  }

  const guarded: GuardedBackend = {
    [GUARDED]: true,
    ...manifest,
    register: registrations.register,
    giveUpRegistration: registrations.giveUpRegistration,
    unregister: registrations.unregister,
    async list(call) {
      requireOpen(guard, 'list', call);
      return ask(guard, { verb: 'list', call, start: (options) => backend.list(options), check: checkList }).delivered;
    },
    lock: locks.lock,
    giveUpLock: locks.giveUpLock,
    unlock: locks.unlock,
    watch: (signal) => (manifest.capabilities.watch ? guardWatch(guard, signal) : undefined),
    close() {
      closed ??= close();
      return closed;
    },
  };
  sources.set(guarded, backend);
  return guarded;
}
