import { ClusterError, type ErrorCode } from '@autocluster/core/driver';
import { onAbort } from '@autocluster/core/runtime';
import type { Random } from '../time/index.js';

export type DriverVerb =
  | 'membership'
  | 'health'
  | 'create'
  | 'join'
  | 'committed'
  | 'leave'
  | 'reset'
  | 'forget'
  | 'afterForget';

/** What can go wrong with one call of a driver. `afterSteps`: how much of the work is done before it. Default 0. */
export type DriverFault =
  | { readonly kind: 'fail'; readonly code?: ErrorCode; readonly afterSteps?: number }
  /** Never ends by itself, and rejects when the signal aborts. */
  | { readonly kind: 'hang-until-abort'; readonly afterSteps?: number }
  /** Never ends, whatever the signal says. */
  | { readonly kind: 'hang'; readonly afterSteps?: number }
  /** Takes this much longer before it begins, in ms; obeys the signal meanwhile. */
  | { readonly kind: 'slow'; readonly ms: number }
  /** Says that the work is done, and does nothing of it. */
  | { readonly kind: 'pretend' }
  /** Answers something else than the truth, which it is given. Only what `membership` and `health` answer is looked at. */
  | { readonly kind: 'lie'; readonly answer: (truth: unknown) => unknown };

export interface DriverFaultScope {
  /** Default: every verb. */
  readonly verbs?: readonly DriverVerb[];
  /** How many calls it strikes. Default: until it is cancelled. */
  readonly times?: number;
  /** From 0 to 1: how likely it strikes. Default 1. */
  readonly chance?: number;
  /** Told each time it strikes. */
  readonly onStrike?: () => void;
}

export interface DriverFaults {
  /** Lets a fault strike from now on; the function that it answers ends it. */
  inject(fault: DriverFault & DriverFaultScope): () => void;
  clear(): void;
}

interface Rule {
  readonly fault: DriverFault;
  readonly scope: DriverFaultScope;
  left: number;
}

export class DriverFaultRules implements DriverFaults {
  readonly #rules = new Set<Rule>();
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  inject(fault: DriverFault & DriverFaultScope): () => void {
    const rule: Rule = { fault, scope: fault, left: fault.times ?? Number.POSITIVE_INFINITY };
    this.#rules.add(rule);
    return () => void this.#rules.delete(rule);
  }

  clear(): void {
    this.#rules.clear();
  }

  strike(verb: DriverVerb): readonly DriverFault[] {
    const struck: DriverFault[] = [];
    for (const rule of this.#rules) {
      const { verbs, chance = 1 } = rule.scope;
      if (verbs && !verbs.includes(verb)) continue;
      if (chance < 1 && this.#random.next() >= chance) continue;
      rule.left -= 1;
      if (rule.left <= 0) this.#rules.delete(rule);
      rule.scope.onStrike?.();
      struck.push(rule.fault);
    }
    return struck;
  }
}

/** Does what the faults of this call do before step number `step`: nothing, or it rejects, or it never settles. */
export async function suffer(
  faults: readonly DriverFault[],
  { step, verb, signal }: { readonly step: number; readonly verb: DriverVerb; readonly signal: AbortSignal },
): Promise<void> {
  for (const fault of faults) {
    if (fault.kind === 'slow' || fault.kind === 'lie' || fault.kind === 'pretend' || (fault.afterSteps ?? 0) !== step)
      continue;
    if (fault.kind === 'fail') {
      throw new ClusterError(fault.code ?? 'DRIVER_FAILED', `injected into ${verb}`, { operation: verb });
    }
    const isObedient = fault.kind === 'hang-until-abort';
    await new Promise<void>((resolve) => void (isObedient && onAbort(signal, () => resolve())));
    throw abortedError(verb, signal);
  }
}

export function abortedError(verb: DriverVerb, signal: AbortSignal): ClusterError {
  return new ClusterError('ABORTED', `${verb} was aborted`, { operation: verb, cause: signal.reason });
}
