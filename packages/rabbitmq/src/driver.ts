import {
  type ClusterDriver,
  type ClusterRecord,
  type CreateRequest,
  type DriverCall,
  type ForgetRequest,
  type JoinRequest,
  type Membership,
  type NodeHealth,
  type NodeId,
  compareNodes,
  sameIdentity,
} from '@autocluster/core/driver';
import { Boot } from './boot.js';
import { Brokers } from './broker.js';
import { createCommands } from './commands.js';
import { type RabbitmqConfig, type RabbitmqOptions, readOptions } from './config.js';
import { brokerError, localDataError, mismatchError } from './errors.js';
import { queuesOn, writeParameter } from './expressions.js';
import { formatNamed, type Named, parseClusterStatus, parseNamed } from './parse.js';
import { isVirgin, viewOf } from './view.js';

/**
 * The driver of one RabbitMQ node on this machine. The broker may be one that {@link runRabbitmqNode} has started, which
 * decides before it opens its database; or any that runs already, which joins by stopping and starting its application.
 */
export function rabbitmq(options: RabbitmqOptions = {}): ClusterDriver {
  return new RabbitmqDriver(readOptions(options));
}

/** Whether two brokers are members of one cluster: each counts the other, under one identity. */
const isClustered = (node: NodeId, own: Membership | undefined, seed: NodeId, other: Membership): boolean =>
  own?.members.includes(seed) === true && other.members.includes(node);

const hasIdentity = (view: Membership | undefined, record: ClusterRecord): boolean =>
  view?.identity.kind === 'committed' && sameIdentity(identityOf(view.identity), identityOf(record));

const identityOf = ({ clusterId, generation }: { readonly clusterId: string; readonly generation: number }) => ({
  clusterId,
  generation,
});

const isNewer = (record: ClusterRecord, named: Named | undefined): boolean =>
  named?.kind !== 'committed' || named.record.version < record.version;

export class RabbitmqDriver implements ClusterDriver {
  readonly name = 'rabbitmq';
  readonly spi = 1;
  readonly data = 'durable';
  readonly views = 'peer';
  // Mnesia changes its schema by one member at a time.
  readonly concurrentJoins = false;
  readonly #node: NodeId;
  readonly #brokers: Brokers;
  readonly #boot: Boot;
  #shrinking: Promise<void> | undefined;

  constructor(config: RabbitmqConfig) {
    this.#node = config.node;
    this.#brokers = new Brokers(config, createCommands(config));
    this.#boot = new Boot(this.#brokers);
  }

  self(): NodeId {
    return this.#node;
  }

  membership({ signal }: DriverCall): Promise<Membership> {
    return this.#brokers.membership(signal);
  }

  health({ node }: { readonly node: NodeId }, { signal }: DriverCall): Promise<NodeHealth> {
    return this.#brokers.health(node, signal);
  }

  async create({ identity }: CreateRequest, { signal }: DriverCall): Promise<void> {
    const { probe, state, file } = await this.#brokers.own(signal);
    const named = parseNamed(probe.parameter);
    if (named?.kind === 'provisional' && sameIdentity(identityOf(named), identityOf(identity))) return;
    const { kind } = viewOf(this.#node, probe)?.identity ?? { kind: 'unnamed' };
    if (kind !== 'blank' || state.joining) throw this.#hasData('create');
    file.remove();
    if (isVirgin(probe)) await this.#boot.place([this.#node], signal);
    await this.#evaluate(writeParameter(formatNamed(identityOf(identity))), signal);
  }

  async join({ seed: { node: seed }, record }: JoinRequest, { signal }: DriverCall): Promise<void> {
    const seedView = await this.#seedView(seed, record, signal);
    const { probe, state, file } = await this.#brokers.own(signal);
    const own = viewOf(this.#node, probe);
    if (isClustered(this.#node, own, seed, seedView) && hasIdentity(own, record)) return;
    const kind = own?.identity.kind ?? 'unnamed';
    if (!state.joining && kind !== 'blank' && kind !== 'provisional') throw this.#hasData('join');
    file.write({ joining: true, record: undefined });
    await this.#forgetThroughSeed(seed, seedView, signal);
    if (!isVirgin(probe)) await this.#boot.clear(probe, signal);
    await this.#boot.enter(seed, signal);
    await this.#verifyJoin(seed, record, signal);
  }

  async committed(record: ClusterRecord, { signal }: DriverCall): Promise<void> {
    const { probe, file } = await this.#brokers.own(signal);
    const view = viewOf(this.#node, probe);
    const named = parseNamed(probe.parameter);
    if (!view || view.identity.kind === 'blank') {
      throw brokerError(`${this.#node} is blank`, { operation: 'committed', retryable: false });
    }
    if (named && !sameIdentity(identityOf(named), identityOf(record))) {
      throw mismatchError(`${this.#node} belongs to cluster ${named.clusterId}`, { operation: 'committed' });
    }
    await this.#requireStillInside(view, signal);
    if (isNewer(record, named)) await this.#evaluate(writeParameter(formatNamed(record)), signal);
    file.write({ joining: false, record });
    await this.#boot.finish(probe, signal);
    this.#repeatShrinking(record, view);
  }

  async leave({ signal }: DriverCall): Promise<void> {
    const { probe, file } = await this.#brokers.own(signal);
    await this.#boot.leave(probe, signal);
    file.remove();
  }

  async reset({ signal }: DriverCall): Promise<void> {
    const { probe, file } = await this.#brokers.own(signal);
    if (!isVirgin(probe)) await this.#boot.clear(probe, signal);
    file.remove();
    await this.#boot.stand(signal);
  }

  async forget({ node }: ForgetRequest, { signal }: DriverCall): Promise<void> {
    const view = await this.#brokers.membership(signal);
    if (view.members.includes(node)) {
      await this.#requireGone(node, view, signal);
      await this.#control('rabbitmqctl', this.#node, ['forget_cluster_node', node], signal);
      const { members } = await this.#brokers.membership(signal);
      if (members.includes(node)) throw brokerError(`${node} is still a member`, { operation: 'forget' });
    }
    this.#shrinkLater([node]);
  }

  #hasData(operation: string) {
    return localDataError(`${this.#node} has data of a cluster`, { operation });
  }

  #evaluate(expression: string, signal: AbortSignal, node: NodeId = this.#node): Promise<unknown> {
    return this.#brokers.commands.evaluate(node, expression, signal);
  }

  #control(command: 'rabbitmqctl' | 'rabbitmq-queues', node: NodeId, args: readonly string[], signal: AbortSignal) {
    return this.#brokers.commands.control(command, node, args, signal);
  }

  /** The seed must say itself, and now, that it serves the cluster of the record. */
  async #seedView(seed: NodeId, record: ClusterRecord, signal: AbortSignal): Promise<Membership> {
    const { status, ready, detail, view } = await this.#brokers.health(seed, signal);
    if (status !== 'up' || !view) throw brokerError(`${seed} cannot be joined: ${detail}`, { operation: 'join' });
    if (!hasIdentity(view, record)) {
      throw mismatchError(`${seed} is not in the cluster of the record`, { operation: 'join', retryable: true });
    }
    if (!ready) throw brokerError(`${seed} cannot be joined: ${detail}`, { operation: 'join' });
    return view;
  }

  /**
   * What is left of an earlier life under this name goes first: the members would refuse a node that lost its data, and a queue
   * that counts on a copy without its log could lose what it has confirmed.
   */
  async #forgetThroughSeed(seed: NodeId, { members }: Membership, signal: AbortSignal): Promise<void> {
    if (members.includes(this.#node)) {
      await this.#control('rabbitmqctl', seed, ['forget_cluster_node', this.#node], signal);
    }
    await this.#shrink(seed, this.#node, signal);
  }

  async #shrink(via: NodeId, node: NodeId, signal: AbortSignal): Promise<void> {
    const queues = await this.#evaluate(queuesOn(node), signal, via);
    if (queues !== 0) await this.#control('rabbitmq-queues', via, ['shrink', node, '--errors-only'], signal);
  }

  async #verifyJoin(seed: NodeId, record: ClusterRecord, signal: AbortSignal): Promise<void> {
    const { probe } = await this.#brokers.own(signal);
    const own = viewOf(this.#node, probe);
    const theirs = await this.#brokers.health(seed, signal);
    const agrees = hasIdentity(own, record) && hasIdentity(theirs.view, record);
    if (agrees && theirs.view && isClustered(this.#node, own, seed, theirs.view)) {
      if (probe.gate === 'none') await this.#verifyByCommand(seed, signal);
      return;
    }
    // The broker stands alone, or in a cluster that nobody meant: it is as blank as before.
    await this.#boot.clear(probe, signal);
    await this.#boot.stand(signal);
    throw brokerError(`after the join ${this.#node} and ${seed} are not members of one cluster`, { operation: 'join' });
  }

  /** A broker that was changed by commands is asked by command as well. */
  async #verifyByCommand(seed: NodeId, signal: AbortSignal): Promise<void> {
    const printed = await this.#control('rabbitmqctl', this.#node, ['cluster_status', '--formatter', 'json'], signal);
    const { members } = parseClusterStatus(printed);
    if (members.includes(seed)) return;
    throw brokerError(`cluster_status of ${this.#node} does not list ${seed}`, { operation: 'join' });
  }

  async #requireStillInside({ members }: Membership, signal: AbortSignal): Promise<void> {
    const peers = members.filter((member) => member !== this.#node);
    const told = await Promise.all(peers.map((peer) => this.#brokers.health(peer, signal)));
    const views = told.flatMap(({ status, view }) => (status === 'up' && view ? [view] : []));
    if (views.length === 0 || views.some((view) => view.members.includes(this.#node))) return;
    throw brokerError(`${this.#node} is no member any more`, { operation: 'committed', retryable: false });
  }

  /** A member that runs in anybody's view is not gone, whatever the store says. */
  async #requireGone(node: NodeId, own: Membership, signal: AbortSignal): Promise<void> {
    const witnesses = own.running.filter((member) => member !== this.#node && member !== node);
    const told = await Promise.all(witnesses.map((member) => this.#brokers.health(member, signal)));
    const seesIt = [own, ...told.map(({ view }) => view)].some((view) => view?.running.includes(node));
    if (seesIt) throw brokerError(`${node} runs in the view of a member`, { operation: 'forget', retryable: false });
  }

  /** What is left to do after a member was forgotten takes long and may be repeated: nobody waits for it. */
  #shrinkLater(nodes: readonly NodeId[]): void {
    const { signal } = new AbortController();
    const work = async () => {
      for (const node of nodes) await this.#shrink(this.#node, node, signal);
    };
    // What failed is done again when the record changes the next time, or before that node joins.
    this.#shrinking = (this.#shrinking ?? Promise.resolve()).then(work).catch(() => undefined);
  }

  #repeatShrinking({ removed }: ClusterRecord, { running }: Membership): void {
    const [first] = [...running].sort(compareNodes);
    if (removed.length > 0 && first === this.#node) this.#shrinkLater(removed);
  }
}
