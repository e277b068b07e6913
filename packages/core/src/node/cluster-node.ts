import { ClusterError, type ErrorCode } from '../errors/index.js';
import {
  createFormationRunner,
  type FarewellParts,
  type FormationRunner,
  type Machine,
  type NodeState,
  nodeState,
  type Observation,
  sayGoodbye,
  watchChanges,
} from '../formation/index.js';
import { type GuardedBackend, type GuardedDriver, guardBackend, guardDriver } from '../guard/index.js';
import type { LockHandle, LockOptions } from '../lock/index.js';
import { onAbort, type Runtime, silentLogger, systemRuntime, timestamp } from '../runtime/index.js';
import { createRegistrationKeeper, type KeeperEvent, type RegistrationKeeper } from '../session/index.js';
import { leaveCluster, withinLimit } from './ending.js';
import { type ClusterEvent, createEventHub, type EventHub } from './event.js';
import { createNodeLocks, type NodeLocks } from './node-locks.js';
import type { ClusterNode } from './node.js';
import { type ClusterNodeOptions, type NodeSettings, requireMetadata, resolveOptions } from './options.js';
import { createStoreReporter, type StoreReporter } from './store-watch.js';
import { type ClusterView, createViewKeeper, type ViewKeeper } from './view.js';
import { createWaitingWarning } from './waiting-warning.js';

/**
 * One node of a cluster: registers, forms or joins the cluster, stays in it, and goes. Throws at once when an option, the
 * backend or the driver cannot be used.
 *
 * @param runtime clock, timers and randomness; another one only for simulations.
 */
export function createClusterNode(options: ClusterNodeOptions, runtime: Runtime = systemRuntime): ClusterNode {
  return new Node(options, runtime);
}

class Node implements ClusterNode {
  readonly ended: Promise<NodeState>;
  readonly #runtime: Runtime;
  readonly #settings: NodeSettings;
  readonly #backend: GuardedBackend;
  readonly #driver: GuardedDriver;
  readonly #instance: string;
  readonly #events: EventHub;
  readonly #store: StoreReporter;
  readonly #views: ViewKeeper = createViewKeeper();
  readonly #keeper: RegistrationKeeper;
  readonly #runner: FormationRunner;
  readonly #locks: NodeLocks;
  readonly #warning: { see(state: NodeState): void; end(): void };
  readonly #watching = new AbortController();
  #metadata: Readonly<Record<string, string>>;
  #shown = 'idle';
  #machine: Machine;
  #daemonStatus: string | undefined;
  #started: Promise<void> | undefined;
  #settleStart: { resolve: () => void; reject: (error: unknown) => void } | undefined;
  #stopped: Promise<void> | undefined;
  #failure: ClusterError | undefined;
  #end: (state: NodeState) => void = () => undefined;

  constructor(options: ClusterNodeOptions, runtime: Runtime) {
    const logger = options.logger ?? silentLogger;
    // The driver first: the defaults of many options depend on what it is.
    const provisional = { runtime, callTimeoutMs: 5_000, workMs: options.workMs ?? 120_000, stopBudgetMs: 5_000 };
    const { self, data, views, concurrentJoins } = guardDriver(options.driver, provisional);
    const settings = resolveOptions(options, { self, data, views, concurrentJoins });
    const { callTimeoutMs, stopBudgetMs } = settings.timing;
    this.#runtime = runtime;
    this.#settings = settings;
    this.#metadata = settings.metadata;
    this.#backend = guardBackend(options.backend, { runtime, callTimeoutMs });
    this.#driver = guardDriver(options.driver, { runtime, callTimeoutMs, workMs: settings.workMs, stopBudgetMs });
    this.#instance = runtime.uniqueId();
    this.#events = createEventHub(() => timestamp(runtime.clock), logger, options.onEvent);
    this.#store = createStoreReporter(this.#events);
    this.#locks = createNodeLocks(this.#backend, runtime, self);
    const silent = options.logger === undefined && options.onEvent === undefined;
    this.#warning = silent
      ? createWaitingWarning(runtime, options.backend.cluster)
      : { see: () => undefined, end: () => undefined };
    this.#keeper = this.#createKeeper();
    this.#runner = this.#createRunner();
    this.#machine = this.#runner.machine;
    this.ended = new Promise((resolve) => (this.#end = resolve));
  }

  #createKeeper(): RegistrationKeeper {
    const { formation, timing } = this.#settings;
    return createRegistrationKeeper({
      backend: this.#backend,
      runtime: this.#runtime,
      timing,
      node: formation.self,
      instance: this.#instance,
      onEvent: (event) => this.#onKeeper(event),
    });
  }

  #createRunner(): FormationRunner {
    return createFormationRunner({
      config: this.#settings.formation,
      timing: this.#settings.timing,
      backend: this.#backend,
      driver: this.#driver,
      runtime: this.#runtime,
      keeper: this.#keeper,
      instance: this.#instance,
      metadata: () => this.#metadata,
      onMachine: (machine) => this.#onMachine(machine),
      onReport: ({ name, data }) => this.#events.emit(name, data),
      onObservation: (observation) => this.#onObservation(observation),
    });
  }

  get state(): NodeState {
    return nodeState(this.#machine, this.#runtime.clock.monotonicMs());
  }

  get view(): ClusterView {
    return this.#views.at(this.#runtime.clock.monotonicMs());
  }

  start({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    if (this.#stopped)
      return Promise.reject(new ClusterError('CLOSED', 'a stopped node cannot start again', { operation: 'start' }));
    this.#started ??= this.#begin(signal);
    return this.#started;
  }

  async #begin(signal: AbortSignal | undefined): Promise<void> {
    const settled = new Promise<void>((resolve, reject) => (this.#settleStart = { resolve, reject }));
    void watchChanges(this.#backend, this.#runtime, this.#watching.signal, () => this.#runner.hint());
    this.#runner.start();
    const abort = (reason: unknown) => {
      this.#settleStart?.reject(
        new ClusterError('ABORTED', 'start was aborted', { operation: 'start', cause: reason, outcomeUnknown: false }),
      );
      void this.stop();
    };
    const letGo = signal ? onAbort(signal, abort) : () => undefined;
    await settled.finally(letGo);
  }

  #onMachine(machine: Machine): void {
    const before = this.#machine;
    this.#machine = machine;
    this.#store.stepped(before, machine);
    const { state } = this;
    const { standing, phase } = machine;
    const shown = state.kind === 'waiting' ? `waiting ${state.reason}` : state.kind;
    if (shown !== this.#shown) {
      this.#shown = shown;
      this.#warning.see(state);
      this.#events.emit('state.changed', { ...state });
    }
    if (standing || phase.kind === 'standalone') this.#settleStart?.resolve();
    if (phase.kind === 'failed' && before.phase.kind !== 'failed') this.#fail(phase);
  }

  #fail({ cause, text, lastWait }: Extract<Machine['phase'], { kind: 'failed' | 'standalone' }>): void {
    const details = { lastWait, cluster: this.#backend.cluster, node: this.#settings.formation.self };
    this.#failure = new ClusterError(cause, text, { operation: 'start', retryable: false, details });
    void this.stop();
  }

  #onKeeper(event: KeeperEvent): void {
    switch (event.kind) {
      case 'made':
        this.#events.emit('registration.made', {
          node: event.registration.node,
          instance: event.registration.instance,
        });
        this.#store.answered();
        return this.#runner.hint();
      case 'renewed':
        this.#store.answered();
        if (this.#store.isNews(event.record)) this.#runner.hint();
        return;
      case 'lost':
        return this.#events.emit('registration.lost', {});
      case 'conflict':
        this.#store.answered();
        return this.#events.emit('registration.lost', { heldBy: event.instance ?? 'another instance' });
      case 'failed':
        return this.#storeFailed(event.error.code, event.error.message);
    }
  }

  #storeFailed(cause: ErrorCode, text: string): void {
    this.#views.failed(cause);
    this.#store.failed(cause, text);
  }

  #onObservation({ listing, own }: Observation): void {
    const status = own.kind === 'known' ? own.status : 'unknown';
    if (this.#daemonStatus !== undefined && status !== this.#daemonStatus)
      this.#events.emit('health.changed', { daemon: status });
    this.#daemonStatus = status;
    if (listing.kind === 'failed') return this.#storeFailed(listing.cause, `the list failed: ${listing.cause}`);
    this.#store.listed(listing.list);
    const change = this.#views.see(listing.list, listing.askedAtMs);
    if (change) this.#events.emit('view.changed', change);
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const { stopTimeoutMs, closeBackend } = this.#settings;
    const failed = this.#machine.phase.kind === 'failed' ? this.state : undefined;
    const identity = this.#machine.standing?.identity;
    this.#watching.abort(new ClusterError('CLOSED', 'the node stops'));
    this.#warning.end();
    const halted = failed ? () => this.#runner.settled() : () => this.#runner.halt();
    await withinLimit(this.#runtime, stopTimeoutMs, [
      halted,
      (signal) => sayGoodbye({ ...this.#farewell(signal), identity }),
      () => this.#locks.end(),
    ]);
    this.#keeper.stop();
    this.#events.emit('registration.removed', { node: this.#settings.formation.self });
    if (closeBackend) await withinLimit(this.#runtime, stopTimeoutMs, [() => this.#backend.close()]);
    this.#runner.stopped();
    const stoppedEarly = { operation: 'start', outcomeUnknown: false };
    this.#settleStart?.reject(
      this.#failure ?? new ClusterError('ABORTED', 'the node was stopped before it was formed', stoppedEarly),
    );
    this.#end(failed ?? this.state);
    this.#events.end();
  }

  #farewell(signal: AbortSignal): Omit<FarewellParts, 'identity'> {
    const { formation } = this.#settings;
    return {
      backend: this.#backend,
      runtime: this.#runtime,
      keeper: this.#keeper,
      self: formation.self,
      instance: this.#instance,
      ttlMs: formation.ttlMs,
      signal,
    };
  }

  async leave(): Promise<void> {
    const { standing } = this.#machine;
    if (!standing || this.#stopped)
      throw new ClusterError('CLOSED', 'only a formed node can leave', { operation: 'leave' });
    await leaveCluster({
      runtime: this.#runtime,
      driver: this.#driver,
      waitMs: this.#settings.timing.latestTakeoverMs + this.#settings.workMs,
      farewell: (signal) => ({ ...this.#farewell(signal), identity: standing.identity }),
      halt: () => this.#runner.halt(),
    });
    await this.stop();
  }

  setMetadata(metadata: Readonly<Record<string, string>>): void {
    this.#metadata = requireMetadata(metadata);
    const { announced } = this.#keeper;
    // A failure is retried by the keeper and told as an event.
    if (announced && !this.#stopped)
      void this.#keeper.announce({ ...announced, metadata: this.#metadata }).catch(() => undefined);
  }

  events(options: { readonly signal?: AbortSignal; readonly buffer?: number } = {}): AsyncIterable<ClusterEvent> {
    return this.#events.stream(options);
  }

  acquireLock(name: string, options?: LockOptions): Promise<LockHandle> {
    return this.#locks.acquireLock(name, options);
  }

  withLock<T>(name: string, options: LockOptions, run: (lock: LockHandle) => Promise<T>): Promise<T> {
    return this.#locks.withLock(name, options, run);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
