import {
  ClusterError,
  type ClusterIdentity,
  type InstanceId,
  isClusterError,
  type NodeId,
  type RegisterOutcome,
  type RegisterRequest,
  type Registration,
  type StoredRecord,
} from '../backend/index.js';
import type { GuardCall, GuardedBackend } from '../guard/index.js';
import {
  anySignal,
  backoffMs,
  jitteredMs,
  pause,
  type Runtime,
  type SuspensionWatch,
  wallLeadMs,
  watchSuspension,
} from '../runtime/index.js';
import { grantedTiming, type LeaseTiming } from './lease-timing.js';

/** What a node says about itself. */
export interface Announcement {
  readonly state: 'joining' | 'ready';
  readonly identity: ClusterIdentity | undefined;
  readonly recordVersion: number | undefined;
  readonly metadata: Readonly<Record<string, string>>;
}

export type KeeperEvent =
  /** For the first time, or again after a loss. */
  | { readonly kind: 'made'; readonly registration: Registration; readonly record: StoredRecord }
  | { readonly kind: 'renewed'; readonly registration: Registration; readonly record: StoredRecord }
  /** The entry was gone when it was renewed. */
  | { readonly kind: 'lost' }
  /** Another live instance has the name. `sentAtMs`: when we asked, on the monotonic clock. */
  | { readonly kind: 'conflict'; readonly instance: InstanceId | undefined; readonly sentAtMs: number }
  /** The store did not answer. `sinceMs`: when the first request without an answer was sent, on the monotonic clock. */
  | { readonly kind: 'failed'; readonly error: ClusterError; readonly sinceMs: number };

export interface RegistrationKeeperOptions {
  readonly backend: GuardedBackend;
  readonly runtime: Runtime;
  readonly timing: LeaseTiming;
  readonly node: NodeId;
  readonly instance: InstanceId;
  readonly onEvent: (event: KeeperEvent) => void;
}

/** Keeps one registration alive, whatever happens to the store, until it is stopped. */
export interface RegistrationKeeper {
  /** Ours for certain; undefined once it may have lapsed, counted from when its last renewal was sent. */
  readonly held: Registration | undefined;
  readonly announced: Announcement | undefined;
  /**
   * Announces this from now on. Sends it at once, after an exchange that is running, and answers that outcome. A failure
   * rejects, and is tried again in the background.
   */
  announce(announcement: Announcement): Promise<RegisterOutcome>;
  /** Ends renewal at once. */
  stop(): void;
  /**
   * Ends renewal and removes the entry; afterwards nothing brings it back. Answers whether there was one that it knew of: what
   * a request without an answer has made is removed as soon as it is known.
   */
  withdraw(call?: GuardCall): Promise<boolean>;
}

/** When a request was sent, on the monotonic clock, and by how much the wall clock led then. */
interface Sent {
  readonly sentAtMs: number;
  readonly sentLeadMs: number;
}

interface Kept {
  readonly registration: Registration;
  readonly timing: LeaseTiming;
  readonly sentAtMs: number;
}

interface Waiter {
  readonly resolve: (outcome: RegisterOutcome) => void;
  readonly reject: (error: unknown) => void;
}

const LONGEST_BACKOFF_MS = 5_000;

class Keeper implements RegistrationKeeper {
  #announced: Announcement | undefined;
  #last: Kept | undefined;
  #waiting: Waiter[] = [];
  #failures = 0;
  #failingSinceMs: number | undefined;
  #running = false;
  #exchanging: Promise<number> | undefined;
  #withdrawn: Promise<boolean> | undefined;
  #nap = anySignal([]);
  readonly #stopped = anySignal([]);
  readonly #options: RegistrationKeeperOptions;
  readonly #suspension: SuspensionWatch;

  constructor(options: RegistrationKeeperOptions) {
    this.#options = options;
    this.#suspension = watchSuspension(options.runtime.clock);
  }

  get held(): Registration | undefined {
    const last = this.#last;
    if (last === undefined) return undefined;
    const { registration, sentAtMs, timing } = last;
    const neverLapses = registration.ttlMs === undefined;
    // Of a suspension only the wall clock knows, and the store.
    const elapsedMs = this.#options.runtime.clock.monotonicMs() - sentAtMs + this.#suspension.gainedMs();
    return neverLapses || elapsedMs < timing.deadlineMs ? registration : undefined;
  }

  get announced(): Announcement | undefined {
    return this.#announced;
  }

  async announce(announcement: Announcement): Promise<RegisterOutcome> {
    this.#stopped.signal.throwIfAborted();
    this.#announced = announcement;
    const outcome = await new Promise<RegisterOutcome>((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#nap.abort(undefined);
      if (!this.#running) void this.#renewAlways(announcement);
    });
    if (outcome.kind !== 'registered' || this.held !== undefined) return outcome;
    // It was held up for longer than the entry lasts: another instance may have the name by now.
    throw new ClusterError('TIMEOUT', 'the answer to a registration came when it may have lapsed already');
  }

  stop(): void {
    const error = new ClusterError('CLOSED', `the registration of ${this.#options.node} was ended`);
    this.#stopped.abort(error);
    this.#nap.abort(undefined);
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  withdraw(call?: GuardCall): Promise<boolean> {
    this.stop();
    this.#withdrawn ??= this.#remove(call).catch((error: unknown) => {
      this.#withdrawn = undefined;
      throw error;
    });
    return this.#withdrawn;
  }

  async #remove(call: GuardCall | undefined): Promise<boolean> {
    const { backend, node, instance } = this.#options;
    // What is answered in the moment of the end is known when its exchange is over.
    await this.#exchanging;
    if (this.#last === undefined) {
      await backend.giveUpRegistration(node, instance);
      return false;
    }
    await backend.unregister(this.#last.registration, call);
    this.#last = undefined;
    return true;
  }

  async #renewAlways(first: Announcement): Promise<void> {
    this.#running = true;
    const { signal } = this.#stopped;
    for (let next = first; !signal.aborted; next = this.#announced ?? next) {
      this.#nap = anySignal([]);
      this.#exchanging = this.#exchange(next);
      const waitMs = await this.#exchanging;
      if (signal.aborted) break;
      if (this.#waiting.length === 0) await pause(this.#options.runtime, waitMs, this.#nap.signal);
    }
  }

  /** One exchange; answers how long to wait for the next. */
  async #exchange(announcement: Announcement): Promise<number> {
    const { backend, runtime, timing } = this.#options;
    const waiters = this.#waiting.splice(0);
    const sent = { sentAtMs: runtime.clock.monotonicMs(), sentLeadMs: wallLeadMs(runtime.clock) };
    try {
      const call = { signal: this.#stopped.signal, timeoutMs: (this.#last?.timing ?? timing).callTimeoutMs };
      const outcome = await backend.register(this.#request(announcement), call);
      this.#failures = 0;
      this.#failingSinceMs = undefined;
      const waitMs = this.#answered(outcome, sent);
      for (const { resolve } of waiters) resolve(outcome);
      return waitMs;
    } catch (error) {
      for (const { reject } of waiters) reject(error);
      return this.#failed(error, sent.sentAtMs);
    }
  }

  #request(announcement: Announcement): RegisterRequest {
    const { node, instance, timing } = this.#options;
    const held = this.#last?.registration;
    // On platforms the entry's instance is the platform's.
    const request = { ...announcement, node, instance: held?.instance ?? instance, ttlMs: timing.ttlMs };
    return held === undefined ? request : { ...request, held };
  }

  #answered(outcome: RegisterOutcome, sent: Sent): number {
    const { runtime, timing: asked } = this.#options;
    const { sentAtMs, sentLeadMs } = sent;
    const earlier = this.#last?.registration;
    const timing = outcome.kind === 'registered' ? grantedTiming(asked, outcome.registration.ttlMs) : asked;
    this.#last = outcome.kind === 'registered' ? { registration: outcome.registration, timing, sentAtMs } : undefined;
    this.#suspension.trust(sentLeadMs);
    // It is not told any more, but what is there is still to be removed.
    if (this.#stopped.signal.aborted) return 0;
    if (outcome.kind === 'conflict') {
      if (earlier !== undefined) this.#report({ kind: 'lost' });
      this.#report({ kind: 'conflict', instance: outcome.instance, sentAtMs });
      return jitteredMs(asked.renewalMs, runtime.random());
    }
    const { registration, record } = outcome;
    const isSame = earlier !== undefined && isSameEntry(earlier, registration);
    if (earlier !== undefined && !isSame) this.#report({ kind: 'lost' });
    this.#report({ kind: isSame ? 'renewed' : 'made', registration, record });
    // Nodes that started together spread over half a period at once; later they drift apart.
    const periodMs = isSame
      ? jitteredMs(timing.renewalMs, runtime.random())
      : timing.renewalMs * (1 - runtime.random() / 2);
    return Math.max(0, sentAtMs + periodMs - runtime.clock.monotonicMs());
  }

  #failed(thrown: unknown, sentAtMs: number): number {
    const { runtime, timing } = this.#options;
    if (this.#stopped.signal.aborted || !isClusterError(thrown)) return 0;
    this.#failingSinceMs ??= sentAtMs;
    this.#report({ kind: 'failed', error: thrown, sinceMs: this.#failingSinceMs });
    const { backoffMs: firstMs, renewalMs } = this.#last?.timing ?? timing;
    const limits = { firstMs, maxMs: Math.min(renewalMs, LONGEST_BACKOFF_MS) };
    this.#failures += 1;
    return backoffMs(this.#failures - 1, limits, runtime.random());
  }

  #report(event: KeeperEvent): void {
    this.#options.onEvent(event);
  }
}

/** Whether the entry was there all the time: one that was gone comes back as another. */
function isSameEntry(a: Registration, b: Registration): boolean {
  if (a.instance !== b.instance) return false;
  return a.order === undefined || b.order === undefined ? a.ref === b.ref : a.order === b.order;
}

export function createRegistrationKeeper(options: RegistrationKeeperOptions): RegistrationKeeper {
  return new Keeper(options);
}
