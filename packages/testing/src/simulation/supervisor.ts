import type { Listener } from './facts.js';
import type { Stage } from './stage.js';

/** Starts a node anew that gave up since no cluster was formed in time, as whatever runs a daemon does. */
export function supervise(stage: Stage): Listener {
  return {
    node(actor, fact) {
      if (fact.kind !== 'state' || fact.state.kind !== 'failed' || fact.state.cause !== 'FORMATION_TIMEOUT') return;
      if (stage.current(actor.name) === actor) stage.restart(actor, stage.traits.ttlMs / 3);
    },
  };
}
