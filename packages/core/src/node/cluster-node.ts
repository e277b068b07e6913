import { ClusterError, signalProblem } from '../errors/index.js';
import {
  createFormationRunner,
  type FarewellParts,
  type FormationRunner,
  type Machine,
  type NodeState,
  nodeState,
  sayGoodbye,
  watchChanges,
} from '../formation/index.js';
import type { HealthReport, Probe, ProbeKind } from '../health/index.js';
import type { LockHandle, LockOptions } from '../lock/index.js';
import { onAbort, type Runtime, systemRuntime } from '../runtime/index.js';
import { createRegistrationKeeper, type RegistrationKeeper } from '../session/index.js';
import { createNodeCleanup, type NodeCleanup, type RunningCleanup } from './cleanup.js';
import { leaveCluster, settlesWithin, withinLimit } from './ending.js';
import type { ClusterEvent } from './event.js';
import { type Foundation, layFoundation } from './foundation.js';
import { createNodeHealth, type NodeHealth } from './health.js';
import { createNodeLocks, type NodeLocks } from './node-locks.js';
import type { ClusterNode } from './node.js';
import { type ClusterNodeOptions, requireMetadata } from './options.js';
import type { ClusterView } from './view.js';

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
  readonly #foundation: Foundation;
  readonly #cleanup: RunningCleanup;
  readonly #health: NodeHealth;
  readonly #keeper: RegistrationKeeper;
  readonly #runner: FormationRunner;
  readonly #locks: NodeLocks;
  readonly #watching = new AbortController();
  #metadata: Readonly<Record<string, string>>;
  #machine: Machine;
  #started: Promise<void> | undefined;
  #settleStart: { resolve: () => void; reject: (error: unknown) => void } | undefined;
  #stopped: Promise<void> | undefined;
  #leaving: Promise<void> | undefined;
  /** Leaving, which a stop waits for within `stopTimeoutMs`: once the daemon has left, the store must be told. */
  #departure: Promise<void> = Promise.resolve();
  #failure: ClusterError | undefined;
  #end: (state: NodeState) => void = () => undefined;

  constructor(options: ClusterNodeOptions, runtime: Runtime) {
    this.#foundation = layFoundation(options, runtime);
    const { settings, backend } = this.#foundation;
    this.#metadata = settings.metadata;
    this.#locks = createNodeLocks(backend, runtime, settings.formation.self);
    this.#keeper = this.#createKeeper();
    this.#runner = this.#createRunner();
    this.#machine = this.#runner.machine;
    this.#cleanup = this.#createCleanup();
    this.#health = createNodeHealth({
      ...this.#foundation,
      state: () => this.state,
      standing: () => this.#machine.standing?.identity,
      hasFormed: () => this.#machine.hasFormed,
      registration: () => this.#keeper.held,
    });
    this.ended = new Promise((resolve) => (this.#end = resolve));
  }

  #createKeeper(): RegistrationKeeper {
    const { backend, runtime, settings, instance, reporter } = this.#foundation;
    return createRegistrationKeeper({
      backend,
      runtime,
      timing: settings.timing,
      node: settings.formation.self,
      instance,
      onEvent: (event) => {
        if (reporter.kept(event)) this.#runner.hint();
      },
    });
  }

  #createRunner(): FormationRunner {
    const { backend, driver, runtime, settings, instance, events, reporter } = this.#foundation;
    return createFormationRunner({
      config: settings.formation,
      timing: settings.timing,
      backend,
      driver,
      runtime,
      keeper: this.#keeper,
      instance,
      metadata: () => this.#metadata,
      onMachine: (machine) => this.#onMachine(machine),
      onReport: ({ name, data }) => events.emit(name, data),
      onListing: (listing) => this.#cleanup.saw(listing),
      onObservation: (observation) => reporter.observed(observation),
      onGlance: ({ own }) => reporter.glanced(own),
    });
  }

  #createCleanup(): RunningCleanup {
    const { settings, ...foundation } = this.#foundation;
    const { formation, timing, cleanup: policy, workMs } = settings;
    return createNodeCleanup({
      ...foundation,
      policy,
      timing,
      clock: foundation.runtime.clock,
      refreshMs: formation.refreshMs,
      waitMs: timing.latestTakeoverMs + workMs,
      registration: () => this.#keeper.held,
      standing: () => this.#machine.standing?.identity,
    });
  }

  get name(): string {
    return this.#foundation.driver.self;
  }

  get cluster(): string {
    return this.#foundation.backend.cluster;
  }

  get counters(): ClusterNode['counters'] {
    return this.#foundation.events.counters;
  }

  get state(): NodeState {
    return nodeState(this.#machine, this.#foundation.runtime.clock.monotonicMs());
  }

  get view(): ClusterView {
    const { reporter, runtime } = this.#foundation;
    return reporter.view(runtime.clock.monotonicMs());
  }

  get cleanup(): NodeCleanup {
    return this.#cleanup;
  }

  health({ signal }: { readonly signal?: AbortSignal } = {}): Promise<HealthReport> {
    return this.#health.report(signal);
  }

  probe(kind: ProbeKind): Promise<Probe> {
    return this.#health.probe(kind);
  }

  start({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const problem = signalProblem(signal);
    if (problem) return Promise.reject(problem);
    if (this.#stopped)
      return Promise.reject(new ClusterError('CLOSED', 'a stopped node cannot start again', { operation: 'start' }));
    this.#started ??= this.#begin(signal);
    return this.#started;
  }

  async #begin(signal: AbortSignal | undefined): Promise<void> {
    const settled = new Promise<void>((resolve, reject) => (this.#settleStart = { resolve, reject }));
    const { backend, runtime } = this.#foundation;
    void watchChanges(backend, runtime, this.#watching.signal, this.#runner);
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
    this.#foundation.reporter.stepped(before, machine, this.state);
    const { standing, phase } = machine;
    if (standing) this.#cleanup.start();
    if (standing || phase.kind === 'standalone') this.#settleStart?.resolve();
    if (phase.kind === 'failed' && before.phase.kind !== 'failed') this.#fail(phase);
  }

  #fail({ cause, text, lastWait }: Extract<Machine['phase'], { kind: 'failed' | 'standalone' }>): void {
    const { backend, driver } = this.#foundation;
    const details = { lastWait, cluster: backend.cluster, node: driver.self };
    this.#failure = new ClusterError(cause, text, { operation: 'start', retryable: false, details });
    void this.stop();
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const { runtime, backend, driver, events, endWarnings, settings } = this.#foundation;
    const { stopTimeoutMs, closeBackend } = settings;
    const failed = this.#machine.phase.kind === 'failed' ? this.state : undefined;
    const identity = this.#machine.standing?.identity;
    this.#watching.abort(new ClusterError('CLOSED', 'the node stops'));
    endWarnings();
    const halted = failed ? this.#runner.settled() : this.#runner.halt();
    // At once: a daemon that does not stop in time must not keep these locks renewed for ever.
    const unlocked = this.#locks.end();
    const cleaned = this.#cleanup.stop();
    const work = [halted, cleaned, this.#departure];
    let isGone = false;
    await withinLimit(runtime, stopTimeoutMs, [
      async (signal) => {
        // Whatever hangs, the entry is asked to go; that nobody is left is said only when nothing runs any more.
        const settled = await settlesWithin(runtime, stopTimeoutMs / 2, work, signal);
        const parts = { ...this.#farewell(signal), identity: settled ? identity : undefined };
        await sayGoodbye(parts, { wordMs: stopTimeoutMs / 2, onRemoved: () => (isGone = true) });
      },
      () => Promise.allSettled([...work, unlocked]),
    ]);
    this.#keeper.stop();
    if (isGone) events.emit('registration.removed', { node: driver.self });
    if (closeBackend) await withinLimit(runtime, stopTimeoutMs, [() => backend.close()]);
    this.#runner.stopped();
    const stoppedEarly = { operation: 'start', outcomeUnknown: false };
    this.#settleStart?.reject(
      this.#failure ?? new ClusterError('ABORTED', 'the node was stopped before it was formed', stoppedEarly),
    );
    this.#end(failed ?? this.state);
    events.end();
  }

  #farewell(signal: AbortSignal): Omit<FarewellParts, 'identity'> {
    const { backend, runtime, driver, instance, settings } = this.#foundation;
    const { ttlMs } = settings.formation;
    return { backend, runtime, keeper: this.#keeper, self: driver.self, instance, ttlMs, signal };
  }

  leave(): Promise<void> {
    this.#leaving ??= this.#leave().finally(() => (this.#leaving = undefined));
    return this.#leaving;
  }

  async #leave(): Promise<void> {
    const { standing } = this.#machine;
    if (!standing || this.#stopped)
      throw new ClusterError('CLOSED', 'only a formed node can leave', { operation: 'leave' });
    const { driver, settings } = this.#foundation;
    const { timing, workMs } = settings;
    let halted = false;
    try {
      this.#departure = leaveCluster({
        driver,
        timing,
        waitMs: timing.latestTakeoverMs + workMs,
        stopped: this.#watching.signal,
        farewell: (signal) => ({ ...this.#farewell(signal), identity: standing.identity }),
        halt: () => {
          halted = true;
          return this.#runner.halt();
        },
      });
      await this.#departure;
    } catch (error) {
      // Formation has ended for good: what is left of this node must not live on as a member.
      if (halted) await this.stop();
      throw error;
    }
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
    return this.#foundation.events.stream(options);
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
