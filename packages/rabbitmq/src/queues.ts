import type { NodeId } from '@autocluster/core/driver';
import type { Brokers } from './broker.js';
import { queuesOn } from './expressions.js';

/** Copies of quorum queues on members that are gone. RabbitMQ before 3.12 leaves them when it forgets the member. */
export class QuorumQueues {
  readonly #brokers: Brokers;

  constructor(brokers: Brokers) {
    this.#brokers = brokers;
  }

  /** How many queues count on a copy on a node, or may do so, as a member that runs knows it. */
  async countOn(via: NodeId, node: NodeId, signal: AbortSignal): Promise<number> {
    return Number(await this.#brokers.commands.evaluate(via, queuesOn(node), signal));
  }

  /** Removes the copies on a node, through a member that runs. Takes long, and may be repeated. */
  async shrink(via: NodeId, node: NodeId, signal: AbortSignal): Promise<void> {
    await this.#brokers.commands.control('rabbitmq-queues', via, ['shrink', node, '--errors-only'], signal);
  }
}
