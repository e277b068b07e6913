import { FORMATION_LOCK, type InstanceId, type MemberList } from '../backend/index.js';
import { ClusterError, isClusterError } from '../errors/index.js';
import type { GuardedBackend, GuardedDriver } from '../guard/index.js';
import { anySignal, type Runtime, timestamp } from '../runtime/index.js';
import { type LeaseTiming, type LockKeeper, type RegistrationKeeper, requestLock } from '../session/index.js';
import type { FormationConfig } from './config.js';
import type { Effect, Probe, Work } from './effect.js';
import type { Failure, MachineEvent, Reply } from './event.js';
import type { Machine, Standpoint } from './machine.js';
import type { Observation } from './observation.js';
import { inspectOwn, type Observer, observe } from './observe.js';
import { createSleeper } from './sleeper.js';
import { initialMachine, step } from './step/index.js';

export interface FormationParts {
  readonly config: FormationConfig;
  readonly backend: GuardedBackend;
  readonly driver: GuardedDriver;
  readonly runtime: Runtime;
  readonly keeper: RegistrationKeeper;
  readonly timing: LeaseTiming;
  readonly instance: InstanceId;
  readonly metadata: () => Readonly<Record<string, string>>;
  /** After each step. */
  readonly onMachine: (machine: Machine) => void;
  readonly onReport: (report: Extract<Effect, { kind: 'report' }>) => void;
  readonly onObservation: (observation: Observation) => void;
}

/** Performs what the machine asks for and tells it what came of it. */
export interface FormationRunner {
  readonly machine: Machine;
  start(): void;
  /** Something may have changed in the store. */
  hint(): void;
  /** Ends everything under way; resolves when the daemon's work has settled and the lock is let go. */
  halt(): Promise<void>;
  /** Resolves when nothing is under way any more, after formation has failed. */
  settled(): Promise<void>;
  /** The node has said goodbye. */
  stopped(): void;
}

type Awaited = Extract<Effect, { ticket: number }>;
type ReplyBody = Reply extends infer R ? (R extends Reply ? Omit<R, 'ticket' | 'nowMs'> : never) : never;

export function createFormationRunner(parts: FormationParts): FormationRunner {
  const { config, backend, driver, runtime, keeper } = parts;
  const { clock } = runtime;
  const stopping = new AbortController();
  const sleeper = createSleeper(runtime, stopping.signal);
  let machine = initialMachine();
  let lock: LockKeeper | undefined;
  let latest: MemberList | undefined;
  let underWay: Promise<void> = Promise.resolve();
  let turn = 0;
  const queue: MachineEvent[] = [];
  let stepping = false;

  const observer: Observer = {
    config,
    backend,
    driver,
    clock,
    announced: () => keeper.announced,
    latest: () => latest,
    signal: stopping.signal,
  };

  function dispatch(event: MachineEvent): void {
    queue.push(event);
    if (stepping) return;
    stepping = true;
    for (let next = queue.shift(); next; next = queue.shift()) {
      const { machine: after, effects } = step(config, machine, next);
      machine = after;
      for (const effect of effects) perform(effect);
      parts.onMachine(machine);
    }
    stepping = false;
  }

  function perform(effect: Effect): void {
    switch (effect.kind) {
      case 'report':
        return parts.onReport(effect);
      case 'withdraw':
        underWay = Promise.allSettled([underWay, keeper.withdraw(), letGo()]).then(() => undefined);
        return;
      case 'halt':
        return stopping.abort(new ClusterError('ABORTED', 'the node stops', { operation: 'stop' }));
      default:
        underWay = answer(effect);
    }
  }

  /** Performs an awaited effect; its reply is dispatched, and for what came too late it cleans up. */
  async function answer(effect: Awaited): Promise<void> {
    let body: ReplyBody;
    try {
      body = await performAwaited(effect);
    } catch (error) {
      body = { kind: 'failed', failure: failureOf(error) };
      if (body.failure.code === 'WORK_STUCK') abandonLock();
    }
    if (stopping.signal.aborted || effect.ticket !== machine.ticket) return;
    dispatch({ ...body, ticket: effect.ticket, nowMs: clock.monotonicMs() });
  }

  function performAwaited(effect: Awaited): Promise<ReplyBody> {
    switch (effect.kind) {
      case 'inspect':
        return inspectOwn(observer).then((own) => ({ kind: 'inspected', own }));
      case 'announce':
        return announce(effect.standpoint);
      case 'observe':
        return look(effect.probe);
      case 'lock':
        return acquire(effect.ticket);
      case 'unlock':
        return unlock(effect);
      case 'work':
        return work(effect.work).then(() => ({ kind: 'worked' }));
      case 'wake':
        return sleeper.sleep(effect).then(() => ({ kind: 'woke' }));
    }
  }

  async function announce(standpoint: Standpoint): Promise<ReplyBody> {
    const sentAtMs = clock.monotonicMs();
    const outcome = await keeper.announce({ ...standpoint, metadata: parts.metadata() });
    return { kind: 'announced', outcome, sentAtMs };
  }

  async function look(probe: Probe): Promise<ReplyBody> {
    sleeper.forgetHints();
    turn += 1;
    const observation = await observe(observer, probe, turn);
    if (observation.listing.kind === 'listed') latest = observation.listing.list;
    parts.onObservation(observation);
    return { kind: 'observed', observation };
  }

  async function acquire(ticket: number): Promise<ReplyBody> {
    const attempt = runtime.uniqueId();
    const request = { name: FORMATION_LOCK, node: config.self, instance: parts.instance, attempt, ttlMs: config.ttlMs };
    const onLost = () => dispatch({ kind: 'grant-lost', nowMs: clock.monotonicMs() });
    const call = { signal: stopping.signal };
    const outcome = await requestLock({ backend, runtime, timing: parts.timing, request, call, onLost }).catch(
      (error) => {
        // What this attempt may still get must not hold up the next one.
        void backend.giveUpLock(request);
        throw error;
      },
    );
    const minted = { clusterId: runtime.uniqueId(), createdAt: timestamp(clock) };
    if (outcome.kind !== 'held') return { kind: 'locked', outcome, minted };
    lock = outcome.keeper;
    if (ticket !== machine.ticket) await letGo();
    return { kind: 'locked', outcome: { kind: 'held', grant: outcome.keeper.grant }, minted };
  }

  async function unlock({ record }: Extract<Awaited, { kind: 'unlock' }>): Promise<ReplyBody> {
    const held = lock;
    if (!held) return { kind: 'unlocked', outcome: { kind: 'lost' } };
    const outcome = await held.release({ signal: stopping.signal, record });
    lock = undefined;
    return { kind: 'unlocked', outcome };
  }

  /** The daemon's work is aborted with the lock that it runs under, and not begun without it. */
  async function work(job: Work): Promise<void> {
    lock?.assertHeld();
    const { signal, clear } = anySignal([stopping.signal, lock?.signal]);
    const call = { signal, list: latest };
    try {
      switch (job.verb) {
        case 'create':
          return await driver.create(job, call);
        case 'join':
          return await driver.join(job, call);
        case 'committed':
          return await driver.committed(job.record, call);
        case 'reset':
          return await driver.reset(call);
      }
    } finally {
      clear();
    }
  }

  /** What may still run must not be overtaken by others: the lock is left to lapse. */
  function abandonLock(): void {
    lock?.abandon();
    lock = undefined;
  }

  async function letGo(): Promise<void> {
    const held = lock;
    lock = undefined;
    await held?.release({}).catch(() => undefined);
  }

  return {
    get machine() {
      return machine;
    },
    start: () => dispatch({ kind: 'start', nowMs: clock.monotonicMs() }),
    hint: () => sleeper.hint(),
    async halt() {
      dispatch({ kind: 'stop', nowMs: clock.monotonicMs() });
      await underWay;
      await letGo();
    },
    settled: () => underWay,
    stopped: () => dispatch({ kind: 'halted', nowMs: clock.monotonicMs() }),
  };
}

function failureOf(error: unknown): Failure {
  if (isClusterError(error)) return { code: error.code, text: error.message };
  return { code: 'DRIVER_FAILED', text: error instanceof Error ? error.message : String(error) };
}
