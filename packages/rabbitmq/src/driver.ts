import {
  type ClusterDriver,
  type ClusterRecord,
  type CreateRequest,
  type DriverCall,
  type ForgetRequest,
  type JoinRequest,
  type Member,
  type Membership,
  type NodeHealth,
  type NodeId,
  sameIdentity,
} from '@autocluster/core/driver';
import { Boot } from './boot.js';
import { Brokers } from './broker.js';
import { type Commands, createCommands } from './commands.js';
import { type RabbitmqConfig, type RabbitmqOptions, readOptions } from './config.js';
import { writeCookie } from './cookie.js';
import { brokerError, localDataError, mismatchError } from './errors.js';
import { writeParameter } from './expressions.js';
import { identityOf, Join, type JoinParts } from './join.js';
import { formatNamed, type Named, parseNamed } from './parse.js';
import { QuorumQueues } from './queues.js';
import { isVirgin, viewOf } from './view.js';

/**
 * The driver of one RabbitMQ node on this machine. The broker may be one that {@link runRabbitmqNode} has started, which
 * decides before it opens its database; or any that runs already, which joins by stopping and starting its application.
 * Writes the cookie where one is given, and throws `INVALID_OPTION`.
 */
export function rabbitmq(options: RabbitmqOptions = {}): ClusterDriver {
  const config = readOptions(options);
  if (config.cookie !== undefined) writeCookie(config.home, config.cookie);
  return new RabbitmqDriver(config, createCommands(config));
}

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
  readonly #parts: JoinParts;

  constructor(config: RabbitmqConfig, commands: Commands) {
    const brokers = new Brokers(config, commands);
    this.#node = config.node;
    this.#parts = { brokers, boot: new Boot(brokers), queues: new QuorumQueues(brokers) };
  }

  self(): NodeId {
    return this.#node;
  }

  membership({ signal }: DriverCall): Promise<Membership> {
    return this.#parts.brokers.membership(signal);
  }

  health(
    { node, listed }: { readonly node: NodeId; readonly listed: Member | undefined },
    { signal }: DriverCall,
  ): Promise<NodeHealth> {
    return this.#parts.brokers.health(node, signal, listed);
  }

  async create({ identity }: CreateRequest, { signal }: DriverCall): Promise<void> {
    const { brokers, boot } = this.#parts;
    const { probe, state, file } = await brokers.own(signal);
    const named = parseNamed(probe.parameter);
    if (named?.kind === 'provisional' && sameIdentity(identityOf(named), identityOf(identity))) return;
    const { kind } = viewOf(this.#node, probe)?.identity ?? { kind: 'unnamed' };
    if (kind !== 'blank' || state.joining) {
      throw localDataError(`${this.#node} has data of a cluster`, { operation: 'create' });
    }
    file.remove();
    if (isVirgin(probe)) await boot.place([this.#node], signal);
    await this.#write(formatNamed(identityOf(identity)), signal);
  }

  join(request: JoinRequest, { signal }: DriverCall): Promise<void> {
    return new Join(this.#parts, request, signal).run();
  }

  async committed(record: ClusterRecord, { signal }: DriverCall): Promise<void> {
    const { brokers, boot } = this.#parts;
    const { probe, file } = await brokers.own(signal);
    const view = viewOf(this.#node, probe);
    const named = parseNamed(probe.parameter);
    if (!view || view.identity.kind === 'blank') {
      throw brokerError(`${this.#node} is blank`, { operation: 'committed', retryable: false });
    }
    if (named && !sameIdentity(identityOf(named), identityOf(record))) {
      throw mismatchError(`${this.#node} belongs to cluster ${named.clusterId}`, { operation: 'committed' });
    }
    await this.#requireStillInside(view, signal);
    if (isNewer(record, named)) await this.#write(formatNamed(record), signal);
    file.write({ joining: false, record });
    await boot.finish(probe, signal);
  }

  async leave({ signal }: DriverCall): Promise<void> {
    const { probe, file } = await this.#parts.brokers.own(signal);
    await this.#parts.boot.leave(probe, signal);
    file.remove();
  }

  async reset({ signal }: DriverCall): Promise<void> {
    const { brokers, boot } = this.#parts;
    const { probe, file } = await brokers.own(signal);
    if (!isVirgin(probe)) await boot.clear(probe, signal);
    file.remove();
    await boot.stand(signal);
  }

  async forget({ node }: ForgetRequest, { signal }: DriverCall): Promise<void> {
    const { brokers } = this.#parts;
    const view = await brokers.membership(signal);
    if (view.members.includes(node)) {
      await this.#requireGone(node, view, signal);
      await brokers.commands.lasting.control('rabbitmqctl', this.#node, ['forget_cluster_node', node], signal);
      const { members } = await brokers.membership(signal);
      if (members.includes(node)) throw brokerError(`${node} is still a member`, { operation: 'forget' });
    }
  }

  async afterForget({ node }: ForgetRequest, { signal }: DriverCall): Promise<void> {
    const { queues } = this.#parts;
    if ((await queues.countOn(this.#node, node, signal)) !== 0) await queues.shrink(this.#node, node, signal);
  }

  async #write(parameter: string, signal: AbortSignal): Promise<void> {
    await this.#parts.brokers.commands.evaluate(this.#node, writeParameter(parameter), signal);
  }

  async #requireStillInside({ members }: Membership, signal: AbortSignal): Promise<void> {
    const views = await this.#viewsOf(
      members.filter((member) => member !== this.#node),
      signal,
    );
    if (views.length === 0 || views.some((view) => view.members.includes(this.#node))) return;
    throw brokerError(`${this.#node} is no member any more`, { operation: 'committed', retryable: false });
  }

  /** A member that runs in anybody's view is not gone, whatever the store says. */
  async #requireGone(node: NodeId, own: Membership, signal: AbortSignal): Promise<void> {
    const witnesses = own.running.filter((member) => member !== this.#node && member !== node);
    const views = [own, ...(await this.#viewsOf(witnesses, signal))];
    if (!views.some((view) => view.running.includes(node))) return;
    throw brokerError(`${node} runs in the view of a member`, { operation: 'forget', retryable: false });
  }

  async #viewsOf(nodes: readonly NodeId[], signal: AbortSignal): Promise<readonly Membership[]> {
    const told = await Promise.all(nodes.map((node) => this.#parts.brokers.health(node, signal)));
    return told.flatMap(({ status, view }) => (status === 'up' && view ? [view] : []));
  }
}
