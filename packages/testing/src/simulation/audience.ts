import type { ClusterIdentity } from '@autocluster/core';
import type { DaemonEvent } from '../daemon/index.js';
import type { StoreEvent } from '../store/index.js';
import type { Actor } from './actor.js';
import type { Call, Listener, NodeFact } from './facts.js';
import type { CallRecorder } from './witness.js';

/** Waits for the next call of a kind. */
export interface Trap {
  readonly verb: Call['verb'];
  /** undefined: whoever comes first. */
  readonly node: string | undefined;
  readonly when: 'sent' | 'answered';
  readonly task: (actor: Actor) => void;
}

/** The time of the world, as far as an audience needs it. */
export interface Hall {
  readonly nowMs: number;
  later(delayMs: number, task: () => void): void;
}

const KINDS = ['store', 'daemon', 'sent', 'answered', 'node', 'struck'] as const satisfies readonly (keyof Listener)[];

/** Everybody who is told what happens, as it happens. */
export class Audience implements CallRecorder {
  readonly #hall: Hall;
  /** By what they want to be told: each event has many listeners, and most of these hear of little else. */
  readonly #listeners: { readonly [Kind in keyof Listener]-?: Listener[] } = {
    store: [],
    daemon: [],
    sent: [],
    answered: [],
    node: [],
    struck: [],
  };
  readonly #traps = new Set<Trap>();

  constructor(hall: Hall) {
    this.#hall = hall;
  }

  listen(listener: Listener): void {
    for (const kind of KINDS) if (listener[kind]) this.#listeners[kind].push(listener);
  }

  /** The function that it answers takes the trap away. */
  set(trap: Trap): () => void {
    this.#traps.add(trap);
    return () => void this.#traps.delete(trap);
  }

  nowMs(): number {
    return this.#hall.nowMs;
  }

  store(event: StoreEvent): void {
    for (const listener of this.#listeners.store) listener.store?.(event);
  }

  daemon(event: DaemonEvent): void {
    for (const listener of this.#listeners.daemon) listener.daemon?.(event);
  }

  struck(fault: string, about: string): void {
    for (const listener of this.#listeners.struck) listener.struck?.(fault, about);
  }

  tell(actor: Actor, fact: NodeFact): void {
    if (fact.kind === 'event' && fact.event.name === 'state.changed') this.#stateChanged(actor);
    for (const listener of this.#listeners.node) listener.node?.(actor, fact);
  }

  sent(call: Call): void {
    for (const listener of this.#listeners.sent) listener.sent?.(call);
    this.#spring(call, 'sent');
  }

  answered(call: Call): void {
    if (call.end?.kind === 'resolved') mirror(call);
    for (const listener of this.#listeners.answered) listener.answered?.(call);
    this.#spring(call, 'answered');
  }

  #stateChanged(actor: Actor): void {
    const before = actor.state;
    actor.state = actor.node.state;
    if (actor.leaving && actor.state.kind === 'stopping') actor.alive = false;
    actor.stateSinceMs = this.#hall.nowMs;
    for (const listener of this.#listeners.node) listener.node?.(actor, { kind: 'state', before, state: actor.state });
  }

  #spring({ actor, verb }: Call, when: Trap['when']): void {
    if (!actor.alive) return;
    for (const trap of this.#traps) {
      if (trap.verb !== verb || trap.when !== when || (trap.node !== undefined && trap.node !== actor.name)) continue;
      this.#traps.delete(trap);
      // The call itself goes on its way first.
      this.#hall.later(0, () => trap.task(actor));
    }
  }
}

/** What the work of a daemon without data has led to. */
function mirror({ actor, verb, request }: Call): void {
  if (verb === 'create' || verb === 'join') actor.mirrored = 'provisional';
  else if (verb === 'reset' || verb === 'leave') actor.mirrored = 'blank';
  else if (verb === 'committed') {
    const { clusterId, generation } = request as ClusterIdentity;
    actor.mirrored = { clusterId, generation };
  }
}

/** Nobody hears what others than the nodes of this history do. */
export const nobody = (hall: Hall): CallRecorder => ({
  nowMs: () => hall.nowMs,
  sent: () => undefined,
  answered: () => undefined,
});
