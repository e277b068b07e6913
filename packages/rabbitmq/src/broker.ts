import type { Member, Membership, NodeId } from '@autocluster/core/driver';
import type { Commands } from './commands.js';
import type { RabbitmqConfig } from './config.js';
import { presenceOf } from './epmd.js';
import { brokerError, messageOf } from './errors.js';
import { PROBE } from './expressions.js';
import { sameKind } from './names.js';
import { parseProbe, type Probe } from './parse.js';
import { type NodeState, StateFile } from './state-file.js';
import { asListed, type BrokerHealth, healthOf, ownView } from './view.js';

const isLost = (detail: string): BrokerHealth => ({
  status: 'unknown',
  ready: false,
  admits: false,
  detail,
  view: undefined,
});

/** Asks brokers, and changes nothing. */
export class Brokers {
  readonly config: RabbitmqConfig;
  readonly commands: Commands;
  #state: StateFile | undefined;

  constructor(config: RabbitmqConfig, commands: Commands) {
    this.config = config;
    this.commands = commands;
    if (config.stateFile !== undefined) this.#state = new StateFile(config.stateFile);
  }

  async probe(node: NodeId, signal: AbortSignal): Promise<Probe> {
    return parseProbe(await this.commands.evaluate(node, PROBE, signal));
  }

  /** The own broker, and what this machine knows of it. */
  async own(
    signal: AbortSignal,
  ): Promise<{ readonly probe: Probe; readonly state: NodeState; readonly file: StateFile }> {
    const { node } = this.config;
    const probe = await this.probe(node, signal);
    this.#state ??= StateFile.beside(probe.folder, node);
    return { probe, state: this.#state.read(), file: this.#state };
  }

  async membership(signal: AbortSignal): Promise<Membership> {
    const { probe, state } = await this.own(signal);
    const view = ownView(this.config.node, probe, state);
    if (view) return view;
    throw brokerError(`the broker cannot be read: ${healthOf(this.config.node, probe).detail}`, {
      operation: 'membership',
    });
  }

  /**
   * Whether a peer runs, in its own words. Only what it says itself, or a machine that refuses the connection, makes it `down`:
   * a wrong cookie looks like no answer, and is `unknown`.
   */
  async health(node: NodeId, signal: AbortSignal, listed?: Member): Promise<BrokerHealth> {
    const { longNames, epmdPort } = this.config;
    if (!sameKind(node, longNames)) {
      return isLost(`${node} and this node cannot talk: one has a short name, the other a long one`);
    }
    const presence = await presenceOf(node, epmdPort, signal);
    if (presence.kind === 'refused') {
      return { ...isLost(presence.detail), status: 'down' };
    }
    if (presence.kind === 'unknown') return isLost(presence.detail);
    try {
      const probe = await this.probe(node, signal);
      return asListed(healthOf(node, probe), probe, listed);
    } catch (error) {
      return isLost(`${node} takes connections and does not answer, as with another cookie: ${messageOf(error)}`);
    }
  }
}
