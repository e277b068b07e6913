import type { AwaitedEffect, Probe } from '../effect.js';
import type { Done, Lasting, Machine } from '../machine.js';
import { enter, type Step } from './transition.js';

/** The wait that goes on while the machine looks whether it has ended. */
export function lastingOf({ phase }: Machine): Lasting | undefined {
  if (phase.kind === 'waiting') return { wait: phase.wait, sinceMs: phase.sinceMs };
  return 'lasting' in phase ? phase.lasting : undefined;
}

/** The effect of a look. */
export const look = ({ memory: { refusals } }: Machine, probe: Probe): AwaitedEffect => ({
  kind: 'observe',
  probe,
  refusals,
});

/** Looks at daemon, store and peers. A wait that is going on stays visible meanwhile. */
export function discover(
  machine: Machine,
  probe: 'all' | 'sample' = machine.standing ? 'sample' : 'all',
  done?: Done,
): Step {
  const lasting = lastingOf(machine);
  const phase = { kind: 'discovering', ...(lasting && { lasting }), ...(done && { done }) } as const;
  return enter(machine, phase, look(machine, probe));
}
