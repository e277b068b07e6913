import type { NodeId } from '@autocluster/core/driver';
import type { Brokers } from './broker.js';
import type { Asking } from './commands.js';
import { brokerError } from './errors.js';
import { atom } from './expressions.js';
import { awaitGate, bootGate, type GateState, passGate, placeGate, refuseGate } from './gate.js';
import type { Probe } from './parse.js';

function requireNotFailed(state: unknown): void {
  const text = String(state);
  if (text.startsWith('{failed')) {
    throw brokerError(`the broker did not boot: ${text.slice(0, 500)}`, { operation: 'boot' });
  }
}

/** Moves the own broker between its states. A broker without a gate was not started by us, and is stopped and started instead. */
export class Boot {
  readonly #brokers: Brokers;

  constructor(brokers: Brokers) {
    this.#brokers = brokers;
  }

  /** Tells the broker that waits without data where it belongs, and waits until it has opened its database there. */
  place(nodes: readonly NodeId[], signal: AbortSignal): Promise<void> {
    return this.#reach(placeGate(nodes.map(atom)), signal, this.#brokers.commands.lasting);
  }

  /** Brings a broker without data into the seed's cluster. */
  async enter(seed: NodeId, { gate }: Pick<Probe, 'gate'>, signal: AbortSignal): Promise<void> {
    if (gate !== 'none') return this.place([seed, this.#brokers.config.node], signal);
    await this.#change(['join_cluster', seed], signal);
    await this.#control(['start_app'], signal);
  }

  /** Destroys the data of the broker, which does not run afterwards, and waits where it can. */
  async clear({ gate, running }: Probe, signal: AbortSignal): Promise<void> {
    if (gate === 'confirming' || gate === 'deciding') await this.#evaluate(refuseGate, signal);
    else if (running || gate === 'none' || gate === 'booting' || gate === 'admitted')
      await this.#control(['stop_app'], signal);
    await this.#change(['force_reset'], signal);
    if (gate === 'none') return;
    await this.#reach(bootGate(true), signal);
  }

  /** A broker that is not held must run: blank and alone, it serves nobody. */
  async stand(signal: AbortSignal): Promise<void> {
    const { gate, running } = await this.#brokers.probe(this.#brokers.config.node, signal);
    if (gate === 'none' && !running) await this.#control(['start_app'], signal);
  }

  /**
   * Lets a broker whose membership is confirmed go on, and waits until it serves. For one that is alone, until it may be joined:
   * every other node waits for it, and none of its clients has had another broker.
   */
  async finish({ gate, members }: Probe, signal: AbortSignal): Promise<void> {
    const far: readonly GateState[] = members.length > 1 ? ['booted'] : ['admitted', 'booted'];
    if (gate === 'confirming') await this.#reach(passGate(far), signal);
    if (gate === 'booting' || gate === 'admitted') await this.#reach(awaitGate(far), signal);
  }

  /** Until the broker serves; rejects when its boot has failed. That it does not answer proves neither. */
  async serve(signal: AbortSignal): Promise<void> {
    requireNotFailed(await this.#evaluate(awaitGate(['booted']), signal).catch(() => 'unknown'));
  }

  /** Out of the cluster, in the view of the others too. The last member has nobody to tell. */
  async leave({ running, members }: Probe, signal: AbortSignal): Promise<void> {
    if (running) await this.#control(['stop_app'], signal);
    await this.#change([members.length > 1 ? 'reset' : 'force_reset'], signal);
  }

  async #reach(expression: string, signal: AbortSignal, asking: Asking = this.#brokers.commands): Promise<void> {
    requireNotFailed(await asking.evaluate(this.#brokers.config.node, expression, signal));
  }

  #evaluate(expression: string, signal: AbortSignal): Promise<unknown> {
    return this.#brokers.commands.evaluate(this.#brokers.config.node, expression, signal);
  }

  #control(args: readonly string[], signal: AbortSignal, asking: Asking = this.#brokers.commands): Promise<string> {
    return asking.control('rabbitmqctl', this.#brokers.config.node, args, signal);
  }

  /** A change of its membership: whoever waits for it goes on only when it is over. */
  #change(args: readonly string[], signal: AbortSignal): Promise<string> {
    return this.#control(args, signal, this.#brokers.commands.lasting);
  }
}
