import { ClusterError, isClusterError, textOf } from '../errors/index.js';
import type { Effect } from './effect.js';
import type { Failure, MachineEvent } from './event.js';
import type { Machine } from './machine.js';
import { Performer, type PerformerParts, type ReplyBody } from './performer.js';
import { initialMachine, step } from './step/index.js';

export interface FormationParts extends PerformerParts {
  /** After each step. */
  readonly onMachine: (machine: Machine) => void;
  readonly onReport: (report: Extract<Effect, { kind: 'report' }>) => void;
}

/** Performs what the machine asks for and tells it what came of it. */
export interface FormationRunner {
  readonly machine: Machine;
  start(): void;
  /** Something may have changed in the store. */
  hint(): void;
  /** Whether the store tells of changes from now on. */
  watched(isOpen: boolean): void;
  /** Ends everything under way; resolves when the daemon's work has settled and the lock is let go. */
  halt(): Promise<void>;
  /** Resolves when nothing is under way any more, after formation has failed. */
  settled(): Promise<void>;
  /** The node has said goodbye. */
  stopped(): void;
}

export function createFormationRunner(parts: FormationParts): FormationRunner {
  return new Runner(parts);
}

type Awaited = Extract<Effect, { ticket: number }>;
type Incident = Exclude<MachineEvent, { ticket: number }>['kind'];

class Runner implements FormationRunner {
  readonly #parts: FormationParts;
  readonly #performer: Performer;
  readonly #stopping = new AbortController();
  readonly #queue: MachineEvent[] = [];
  #machine = initialMachine();
  #stepping = false;
  #underWay: Promise<unknown> = Promise.resolve();

  constructor(parts: FormationParts) {
    this.#parts = parts;
    this.#performer = new Performer(parts, this.#stopping.signal, () => this.#happened('grant-lost'));
  }

  get machine(): Machine {
    return this.#machine;
  }

  start(): void {
    this.#happened('start');
  }

  hint(): void {
    this.#performer.hint();
  }

  watched(isOpen: boolean): void {
    this.#performer.watched(isOpen);
  }

  async halt(): Promise<void> {
    this.#happened('stop');
    // Asked for while a step is told of, the end comes after the effects of that step.
    let awaited: Promise<unknown> | undefined;
    while (awaited !== this.#underWay) {
      awaited = this.#underWay;
      await awaited;
    }
    await this.#performer.letGo();
  }

  async settled(): Promise<void> {
    await this.#underWay;
  }

  stopped(): void {
    this.#happened('halted');
  }

  #happened(kind: Incident): void {
    this.#dispatch({ kind, nowMs: this.#parts.runtime.clock.monotonicMs() });
  }

  /** One event after the other, also when an effect of one brings about the next. */
  #dispatch(event: MachineEvent): void {
    this.#queue.push(event);
    if (this.#stepping) return;
    this.#stepping = true;
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
      const { machine, effects } = step(this.#parts.config, this.#machine, next);
      this.#machine = machine;
      for (const effect of effects) this.#perform(effect);
      this.#parts.onMachine(machine);
    }
    this.#stepping = false;
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case 'report':
        return this.#parts.onReport(effect);
      case 'withdraw':
        this.#underWay = Promise.allSettled([this.#underWay, this.#parts.keeper.withdraw(), this.#performer.letGo()]);
        return;
      case 'halt':
        return this.#stopping.abort(new ClusterError('ABORTED', 'the node stops', { operation: 'stop' }));
      default:
        this.#underWay = this.#answer(effect);
    }
  }

  async #answer(effect: Awaited): Promise<void> {
    let body: ReplyBody;
    try {
      body = await this.#performer.perform(effect);
    } catch (error) {
      body = { kind: 'failed', failure: failureOf(error) };
      if (body.failure.code === 'WORK_STUCK') this.#performer.abandonLock();
    }
    if (this.#stopping.signal.aborted || effect.ticket !== this.#machine.ticket) {
      // Nobody waits for this reply any more, and nobody else would release what came with it.
      if (body.kind === 'locked') await this.#performer.letGo();
      return;
    }
    this.#dispatch({ ...body, ticket: effect.ticket, nowMs: this.#parts.runtime.clock.monotonicMs() });
  }
}

function failureOf(error: unknown): Failure {
  return { code: isClusterError(error) ? error.code : 'DRIVER_FAILED', text: textOf(error) };
}
