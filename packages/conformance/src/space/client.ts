import type {
  Backend,
  CallOptions,
  ClusterRecord,
  LockGrant,
  LockOutcome,
  LockRequest,
  MemberList,
  RegisterOutcome,
  RegisterRequest,
  Registration,
  UnlockOutcome,
} from '@autocluster/core/backend';
import { deadline, orLate, systemClock, systemRuntime } from '@autocluster/core/runtime';
import { broken } from '../errors.js';
import type { FaultPort } from '../subject.js';

/** What a call may overrun its time by. */
export const GRACE_MS = 1000;

/** How one call is made, where it is not made as usual. */
export interface Ask {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
  readonly clock?: CallOptions['clock'];
}

export interface Client {
  readonly backend: Backend;
  /** Of this client alone. Only in cases that need a wire. */
  readonly faults: FaultPort;
  register(request: RegisterRequest, ask?: Ask): Promise<RegisterOutcome>;
  unregister(registration: Registration, ask?: Ask): Promise<void>;
  list(ask?: Ask): Promise<MemberList>;
  lock(request: LockRequest, ask?: Ask): Promise<LockOutcome>;
  unlock(grant: LockGrant, ask?: Ask & { readonly record?: ClusterRecord }): Promise<UnlockOutcome>;
  watch(signal: AbortSignal): AsyncIterable<MemberList | 'changed'>;
}

interface Usual extends Ask {
  readonly timeoutMs: number;
  /** Notes a call that has not settled in time: whatever else the case asks, it fails. */
  readonly late: (text: string) => void;
}

/** Calls a verb as the core does, with the time limit folded into the signal, and insists that it settles in time. */
async function bounded<T>(
  verb: string,
  { signal, timeoutMs, clock = systemClock, late }: Usual,
  start: (options: CallOptions) => Promise<T>,
): Promise<T> {
  const limit = deadline(systemRuntime, timeoutMs, verb, [signal]);
  const work = (async () => start({ signal: limit.signal, timeoutMs, clock }))();
  let settled = false;
  const seen = work.then(
    () => void (settled = true),
    () => void (settled = true),
  );
  try {
    await orLate(systemRuntime, seen, timeoutMs + GRACE_MS);
    if (settled) return await work;
  } finally {
    limit.clear();
  }
  const text = `${verb} has not settled ${timeoutMs + GRACE_MS} ms after it was called with timeoutMs ${timeoutMs}`;
  // Whoever expects the call to reject must not take this for it.
  late(text);
  return broken(text);
}

export interface ClientParts {
  readonly faults: () => FaultPort;
  readonly callTimeoutMs: number;
  readonly late: Usual['late'];
  /** Settles when a list shows what has happened before; at once in most stores. */
  readonly caughtUp: () => Promise<void>;
}

export function clientOf(backend: Backend, { faults, callTimeoutMs, late, caughtUp }: ClientParts): Client {
  const usual = (ask: Ask = {}): Usual => ({ timeoutMs: callTimeoutMs, ...ask, late });
  return {
    backend,
    get faults() {
      return faults();
    },
    register: (request, ask) => bounded('register', usual(ask), (options) => backend.register(request, options)),
    unregister: (registration, ask) =>
      bounded('unregister', usual(ask), (options) => backend.unregister(registration, options)),
    async list(ask) {
      await caughtUp();
      return bounded('list', usual(ask), (options) => backend.list(options));
    },
    lock: (request, ask) => bounded('lock', usual(ask), (options) => backend.lock(request, options)),
    unlock: (grant, { record, ...ask } = {}) =>
      bounded('unlock', usual(ask), (options) => backend.unlock(grant, record ? { ...options, record } : options)),
    watch: (signal) =>
      backend.watch?.({ signal, timeoutMs: callTimeoutMs, clock: systemClock }) ??
      broken('the manifest says watch: true, and there is no watch'),
  };
}
