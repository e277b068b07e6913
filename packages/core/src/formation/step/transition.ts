import type { AwaitedEffect, Effect, ReportName, Work } from '../effect.js';
import type { Asked, Machine, Phase } from '../machine.js';

export interface Step {
  readonly machine: Machine;
  readonly effects: readonly Effect[];
}

/** Enters a phase whose one awaited effect this is; replies to earlier effects are not for it. */
export function enter(machine: Machine, phase: Phase, effect: AwaitedEffect): Step {
  const ticket = machine.ticket + 1;
  return { machine: { ...machine, phase, ticket }, effects: [{ ...effect, ticket }] };
}

export const askForLock = (machine: Machine, asked: Asked): Step =>
  enter(machine, { kind: 'locking', ...asked }, { kind: 'lock' });

/** Enters a phase in which the daemon works: under the lock if the machine has it. */
export function enterWork(machine: Machine, phase: Phase, work: Work): Step {
  return enter(machine, phase, { kind: 'work', work, underLock: machine.grant !== undefined });
}

/** Enters a phase in which nothing is awaited. */
export function rest(machine: Machine, phase: Phase, effects: readonly Effect[] = []): Step {
  return { machine: { ...machine, phase, ticket: machine.ticket + 1 }, effects };
}

export const unchanged = (machine: Machine): Step => ({ machine, effects: [] });

export function reporting(step: Step, name: ReportName, data: Readonly<Record<string, unknown>> = {}): Step {
  return { machine: step.machine, effects: [{ kind: 'report', name, data }, ...step.effects] };
}
