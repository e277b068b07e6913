import type { Traits } from '../plan.js';
import { fault, type FaultKind } from './fault.js';

const fits = ({ daemon }: Traits): boolean => daemon === 'durable';

/** What happens to the data under a supervisor that lives: the bare design broke first exactly here. */
export const DISK_FAULTS: readonly FaultKind[] = [
  fault('61', {
    title: 'a daemon loses its data under a supervisor that lives',
    fits,
    draw: ({ node }) => ({ node: node() }),
    strike(stage, { node }, id) {
      stage.daemons.daemon(node).wipe();
      stage.struck(id, node);
    },
  }),
  fault('62', {
    title: 'a seed loses its data between the check and the join',
    liesInWait: true,
    fits,
    draw: ({ node, pick }) => ({ node: node(), when: pick(['health', 'join']) }),
    strike(stage, { node, when }, id) {
      const verb = when === 'health' ? 'health' : 'join';
      const wipeBest = () => {
        const [seed] = stage.names.filter((name) => name !== node && stage.committedTo(name) !== undefined);
        if (seed === undefined) return;
        stage.daemons.daemon(seed).wipe();
        stage.struck(id, seed);
      };
      stage.atNext({ verb, node, when: 'sent' }, wipeBest, stage.plan.healAtMs);
    },
  }),
  fault('63', {
    title: 'the disk of a daemon goes back to an older copy',
    fits,
    draw: ({ node, ttls }) => ({ node: node(), afterMs: ttls(2) }),
    strike(stage, { node, afterMs }, id) {
      const daemon = stage.daemons.daemon(node);
      const { disk } = daemon.inspect();
      stage.during(afterMs, () => {
        daemon.putDisk(disk);
        stage.struck(id, node);
      });
    },
  }),
  fault('64', {
    title: 'one daemon does not count another one in, which counts it in',
    fits,
    draw: ({ node, ttls }) => ({ node: node(), other: node(), forMs: ttls(3) }),
    strike(stage, { node, other, forMs }, id) {
      const daemon = stage.daemons.daemon(node);
      const { members, cluster } = daemon.inspect().disk;
      if (node === other || !members.includes(other)) return;
      daemon.setView(members.filter((member) => member !== other));
      stage.struck(id, `${node} without ${other}`);
      // Whoever joined meanwhile has the same view from it.
      stage.during(forMs, () => {
        if (stage.daemons.daemon(other).inspect().disk.cluster !== cluster) return;
        for (const each of stage.daemons.daemons) {
          const now = each.inspect().disk;
          if (now.cluster === cluster && !now.members.includes(other)) each.setView([...now.members, other]);
        }
      });
    },
  }),
];
