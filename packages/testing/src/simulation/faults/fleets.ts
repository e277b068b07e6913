import type { Actor } from '../actor.js';
import type { Stage } from '../stage.js';
import { fault, type FaultKind } from './fault.js';

function crashAll(stage: Stage): readonly string[] {
  const names = stage.living.map(({ name }) => name);
  for (const name of names) {
    const actor = stage.current(name);
    if (actor) stage.crash(actor);
  }
  return names;
}

const restartAll = (stage: Stage, actors: readonly Actor[], delayMs: number) => {
  for (const actor of actors) stage.restart(actor, delayMs);
};

/** What happens to all nodes, or to one after the other. */
export const FLEET_FAULTS: readonly FaultKind[] = [
  fault('47', {
    title: 'all nodes are killed and start at the same instant',
    draw: ({ ttls }) => ({ afterMs: ttls(2) }),
    strike(stage, { afterMs }, id) {
      const names = crashAll(stage);
      for (const name of names) stage.launchLater(name, afterMs);
      if (names.length > 0) stage.struck(id, 'all');
    },
  }),
  fault('48', {
    title: 'the nodes are restarted one after the other',
    draw: ({ ttls, random }) => ({ everyMs: 100 + ttls(1), delayMs: random.next() * 2_000 }),
    strike(stage, { everyMs, delayMs }, id) {
      for (const [index, name] of stage.names.entries()) {
        stage.later(index * everyMs, () => {
          const actor = stage.current(name);
          if (!actor || stage.nowMs >= stage.plan.healAtMs) return;
          stage.struck(id, actor.label);
          stage.restart(actor, delayMs);
        });
      }
    },
  }),
  fault('49', {
    title: 'all nodes stop, and start again later',
    draw: ({ ttls }) => ({ afterMs: ttls(3) }),
    strike(stage, { afterMs }, id) {
      const { living } = stage;
      restartAll(stage, living, afterMs);
      if (living.length > 0) stage.struck(id, 'all');
    },
  }),
  fault('50', {
    title: 'all nodes stop, and start again with empty disks',
    fits: ({ daemon }) => daemon === 'durable',
    draw: ({ ttls, chance }) => ({ afterMs: ttls(3), kills: chance(0.5) }),
    strike(stage, { afterMs, kills }, id) {
      const { living } = stage;
      if (living.length === 0) return;
      stage.struck(id, 'all');
      if (kills) for (const name of crashAll(stage)) stage.launchLater(name, afterMs + 1);
      else restartAll(stage, living, afterMs + 1);
      stage.later(kills ? 0 : afterMs, () => {
        for (const name of stage.names) stage.daemons.daemon(name).wipe();
      });
    },
  }),
  fault('58', {
    title: 'a node is started with a wrong name of the cluster',
    draw: ({ ttls }) => ({ forMs: ttls(3) }),
    strike(stage, { forMs }, id) {
      const stray = stage.launch('stray', { cluster: 'smi' });
      stage.struck(id, stray.label);
      stage.during(forMs, () => {
        if (stray.alive) stage.crash(stray);
      });
    },
  }),
];
