import type { Loss } from '../machines.js';
import type { Traits } from '../plan.js';
import type { Stage } from '../stage.js';
import { fault, type FaultKind, type Outline } from './fault.js';

const durable = ({ daemon }: Traits): boolean => daemon === 'durable';

const LOSSES: readonly Loss[] = ['powerOff', 'stop', 'crash'];

/** Long enough for a removal, or, now and then, until everything is healed, or longer. */
const absence = ({ ttls, pick }: Outline) => ({ forMs: ttls(6), forGood: pick([false, false, true]) });

/** Back in the moment in which its removal is under way: it is put on record as removed, and not forgotten yet. */
function bringBackWhenMarked(stage: Stage, node: string): void {
  let isAway = true;
  stage.listen({
    store(event) {
      if (!isAway || event.kind !== 'record-committed' || event.record.kind !== 'present') return;
      if (!event.record.record.removed.includes(node)) return;
      isAway = false;
      stage.later(0, () => stage.machines.bringBack(node));
    },
  });
}

/** What happens to whole machines: process, daemon and all. */
export const MACHINE_FAULTS: readonly FaultKind[] = [
  fault('65', {
    title: 'a machine, or the process of a node alone, is away for longer than a TTL, or for good',
    fits: durable,
    draw: (outline) => ({
      node: outline.node(),
      how: outline.pick(LOSSES),
      ...absence(outline),
      returnsWhenMarked: outline.chance(0.25),
    }),
    strike(stage, { node, how, forMs, forGood, returnsWhenMarked }, id) {
      stage.machines.lose(node, how, forGood ? undefined : forMs);
      stage.struck(id, node);
      if (returnsWhenMarked) bringBackWhenMarked(stage, node);
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
