import type { Loss } from '../machines.js';
import type { Traits } from '../plan.js';
import { fault, type FaultKind, type Outline } from './fault.js';

const durable = ({ daemon }: Traits): boolean => daemon === 'durable';

const LOSSES: readonly Loss[] = ['powerOff', 'stop', 'crash'];

/** Long enough for a removal, or, now and then, until everything is healed, or longer. */
const absence = ({ ttls, pick }: Outline) => ({ forMs: ttls(6), forGood: pick([false, false, true]) });

/** What happens to whole machines: process, daemon and all. */
export const MACHINE_FAULTS: readonly FaultKind[] = [
  fault('65', {
    title: 'a machine, or the process of a node alone, is away for longer than a TTL, or for good',
    fits: durable,
    draw: (outline) => ({ node: outline.node(), how: outline.pick(LOSSES), ...absence(outline) }),
    strike(stage, { node, how, forMs, forGood }, id) {
      stage.machines.lose(node, how, forGood ? undefined : forMs);
      stage.struck(id, node);
    },
  }),
  fault('55', {
    title: 'more than half of the machines are away at once',
    fits: durable,
    draw: (outline) => ({ from: outline.below(outline.traits.nodes), forMs: outline.ttls(6) }),
    strike(stage, { from, forMs }, id) {
      const count = Math.floor(stage.names.length / 2) + 1;
      const gone = [...stage.names, ...stage.names].slice(from, from + count);
      for (const name of gone) stage.machines.lose(name, 'powerOff', forMs);
      stage.struck(id, gone.join(' '));
    },
  }),
];
