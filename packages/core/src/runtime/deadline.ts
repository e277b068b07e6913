import { ClusterError } from '../errors/index.js';
import type { CancelTimer, Runtime } from './runtime.js';

/** A signal that somebody must clear when the work that it bounds has settled. */
export interface ClearableSignal {
  readonly signal: AbortSignal;
  /** Ends the timer and lets go of the parent signals. Does not abort. */
  readonly clear: () => void;
}

/** Everybody who waits for one signal shares one listener on it: the platform takes more than ten for a leak. */
interface Audience {
  readonly listeners: Set<(reason: unknown) => void>;
  readonly dismiss: () => void;
}

const audiences = new WeakMap<AbortSignal, Audience>();

function gather(signal: AbortSignal): Audience {
  const listeners: Audience['listeners'] = new Set();
  const tell = () => {
    audiences.delete(signal);
    // Who lets go while the others are told is not told any more.
    for (const listener of listeners) listener(signal.reason);
  };
  signal.addEventListener('abort', tell, { once: true });
  const dismiss = () => {
    audiences.delete(signal);
    signal.removeEventListener('abort', tell);
  };
  const audience = { listeners, dismiss };
  audiences.set(signal, audience);
  return audience;
}

/** Runs `listener` once when `signal` aborts, at once if it has already; returns the way to let go. */
export function onAbort(signal: AbortSignal, listener: (reason: unknown) => void): () => void {
  if (signal.aborted) {
    listener(signal.reason);
    return () => undefined;
  }
  const { listeners, dismiss } = audiences.get(signal) ?? gather(signal);
  const own = (reason: unknown) => listener(reason);
  listeners.add(own);
  return () => {
    if (listeners.delete(own) && listeners.size === 0 && !signal.aborted) dismiss();
  };
}

/** Aborts with any of `parents`, with its reason. */
export function anySignal(
  parents: readonly (AbortSignal | undefined)[],
): ClearableSignal & { readonly abort: (reason: unknown) => void } {
  const controller = new AbortController();
  const abort = (reason: unknown) => controller.abort(reason);
  const letGo = parents.map((parent) => (parent ? onAbort(parent, abort) : () => undefined));
  return { signal: controller.signal, abort, clear: () => letGo.forEach((release) => release()) };
}

/** Aborts with any of `parents`, or with `TIMEOUT` after `timeoutMs`. */
export function deadline(
  runtime: Runtime,
  timeoutMs: number,
  operation: string,
  parents: readonly (AbortSignal | undefined)[] = [],
): ClearableSignal {
  const { signal, abort, clear } = anySignal(parents);
  const expire = () =>
    abort(new ClusterError('TIMEOUT', `${operation} took longer than ${timeoutMs} ms`, { operation }));
  const cancel: CancelTimer = signal.aborted ? () => undefined : runtime.after(timeoutMs, expire);
  return {
    signal,
    clear() {
      cancel();
      clear();
    },
  };
}

/** Settles after `delayMs`, or at once when the signal aborts. Never rejects: look at the signal. */
export function pause(runtime: Runtime, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      cancel();
      letGo();
      resolve();
    };
    const cancel = runtime.after(delayMs, wake);
    let letGo = () => undefined as void;
    letGo = onAbort(signal, wake);
  });
}
