import { ClusterError, type DriverCall, type NodeId } from '@autocluster/core/driver';
import { pause, type Runtime } from '@autocluster/core/runtime';
import { abortedError, type DriverFault, type DriverFaultRules, type DriverVerb, suffer } from './driver-faults.js';
import type { Universe } from './universe.js';

/** A verb's work in parts. Each is done at once, and on disk when it is done. */
export interface Work {
  /** Whether nothing is left to do. Asked right before the first step. */
  readonly isDone?: () => boolean;
  readonly steps: readonly (() => void)[];
}

export interface CallerOptions {
  readonly universe: Universe;
  readonly node: NodeId;
  /** The process that the driver runs in: when it is halted, so is the work between two steps. */
  readonly runtime: Runtime;
  readonly rules: DriverFaultRules;
  /** How long each step of a verb takes, in ms. */
  readonly stepMs: (verb: DriverVerb) => number;
}

/** Runs verbs against one daemon, step by step: it may die, be aborted or be struck by a fault between any two. */
export class Caller {
  readonly #options: CallerOptions;

  constructor(options: CallerOptions) {
    this.#options = options;
  }

  /** Work in steps. Rejects when the daemon does not run, or stops on the way. */
  async work(verb: DriverVerb, { signal }: DriverCall, { isDone, steps }: Work): Promise<void> {
    const { universe, node, rules } = this.#options;
    const faults = rules.strike(verb);
    const { run } = universe.state(node);
    const requireAlive = () => {
      const now = universe.state(node);
      if (now.power === 'running' && now.run === run) return;
      throw new ClusterError('DRIVER_FAILED', `${node} does not run`, { operation: verb });
    };
    await this.#delay(verb, faults, signal);
    if (faults.some(({ kind }) => kind === 'pretend')) return;
    for (const [index, step] of steps.entries()) {
      await suffer(faults, { step: index, verb, signal });
      await this.#wait(this.#options.stepMs(verb), verb, signal);
      requireAlive();
      if (index === 0 && isDone?.()) break;
      step();
    }
    await suffer(faults, { step: steps.length, verb, signal });
  }

  /** A question, which changes nothing. */
  async ask<T>(verb: DriverVerb, { signal }: DriverCall, answer: () => T): Promise<T> {
    const faults = this.#options.rules.strike(verb);
    await this.#delay(verb, faults, signal);
    await suffer(faults, { step: 0, verb, signal });
    await this.#wait(this.#options.stepMs(verb), verb, signal);
    return faults.reduce((said, fault) => (fault.kind === 'lie' ? lieOf<T>(fault, said) : said), answer());
  }

  async #delay(verb: DriverVerb, faults: readonly DriverFault[], signal: AbortSignal): Promise<void> {
    const ms = faults.reduce((sum, fault) => sum + (fault.kind === 'slow' ? fault.ms : 0), 0);
    await this.#wait(ms, verb, signal);
  }

  async #wait(ms: number, verb: DriverVerb, signal: AbortSignal): Promise<void> {
    if (ms > 0) await pause(this.#options.runtime, ms, signal);
    if (signal.aborted) throw abortedError(verb, signal);
  }
}

/** The type lies on purpose: what a broken driver answers is not what it promised. */
function lieOf<T>(fault: Extract<DriverFault, { readonly kind: 'lie' }>, truth: T): T {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what this fault is for
  return fault.answer(truth) as T;
}
