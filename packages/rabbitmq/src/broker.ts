import type { Member, Membership, NodeId } from '@autocluster/core/driver';
import type { Commands } from './commands.js';
import type { RabbitmqConfig } from './config.js';
import { presenceOf } from './epmd.js';
import { brokerError, messageOf } from './errors.js';
import { GATE_PROBE, gateProbeOf } from './gate.js';
import { sameKind } from './names.js';
import { parseProbe, type Probe } from './parse.js';
import { PROBE } from './probe.js';
import { SharedQuestion } from './shared-question.js';
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
  readonly #ownProbe: SharedQuestion<Probe>;
  /** Nodes that were not started by us when they were asked last. */
  readonly #plain = new Set<NodeId>();

  constructor(config: RabbitmqConfig, commands: Commands) {
    this.config = config;
    this.commands = commands;
    this.#ownProbe = new SharedQuestion((signal) => this.#askFor(config.node, signal));
  }

  probe(node: NodeId, signal: AbortSignal): Promise<Probe> {
    return node === this.config.node ? this.#ownProbe.ask(signal) : this.#askFor(node, signal);
  }

  async #askFor(node: NodeId, signal: AbortSignal): Promise<Probe> {
    if (!this.#plain.has(node)) {
      const told = await this.commands.evaluate(node, GATE_PROBE, signal);
      if (told !== null) return parseProbe(told);
      this.#plain.add(node);
    }
    const probe = parseProbe(await this.commands.evaluate(node, PROBE, signal));
    if (probe.gate !== 'none') this.#plain.delete(node);
    return probe;
  }

  /** The own broker, and what this machine knows of it. */
  async own(
    signal: AbortSignal,
  ): Promise<{ readonly probe: Probe; readonly state: NodeState; readonly file: StateFile }> {
    const { node } = this.config;
    const probe = await this.probe(node, signal);
    const file = this.#stateFile(probe);
    return { probe, state: file.read(), file };
  }

  #stateFile({ folder }: Probe): StateFile {
    const { node, stateFile } = this.config;
    if (stateFile !== undefined) return new StateFile(stateFile);
    // Elsewhere there would be no file, which means that no join is unfinished.
    if (folder === '') throw brokerError(`${node} does not know its folder yet`, { operation: 'state' });
    return StateFile.beside(folder, node);
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
    const { node: self, longNames } = this.config;
    if (!sameKind(node, longNames)) {
      return isLost(`${node} and this node cannot talk: one has a short name, the other a long one`);
    }
    // The own broker is on this machine: a question finds out as fast whether anybody is there.
    const absent = node === self ? undefined : await this.#absence(node, signal);
    if (absent) return absent;
    try {
      const probe = await this.probe(node, signal);
      return asListed(healthOf(node, probe), probe, listed);
    } catch (error) {
      const text = `${node} takes connections and does not answer, as with another cookie: ${messageOf(error)}`;
      return (node === self && (await this.#absence(node, signal))) || isLost(text);
    }
  }

  /** The same from a node that the own broker is connected to, as after a join, and without another connection where it can be. */
  async healthOverOwn(node: NodeId, signal: AbortSignal, listed?: Member): Promise<BrokerHealth> {
    const told = await this.commands.evaluate(this.config.node, gateProbeOf(node), signal);
    return told === null ? this.health(node, signal, listed) : healthOf(node, parseProbe(told));
  }

  async #absence(node: NodeId, signal: AbortSignal): Promise<BrokerHealth | undefined> {
    const presence = await presenceOf(node, this.config.epmdPort, signal);
    switch (presence.kind) {
      case 'listens':
        return undefined;
      case 'refused':
        return { ...isLost(presence.detail), status: 'down' };
      case 'unknown':
        return isLost(presence.detail);
    }
  }
}
