import type { NodeId } from '@autocluster/core/driver';
import type { Brokers } from './broker.js';
import { brokerError } from './errors.js';
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

  /**
   * Removes the copies on a node, through a member that runs; rejects when one of them stayed. Takes long, and may be repeated,
   * also beside one that was given up and goes on in the broker.
   */
  async shrink(via: NodeId, node: NodeId, signal: AbortSignal): Promise<void> {
    const args = ['shrink', node, '--errors-only', '--silent'];
    const printed = await this.#brokers.commands.control('rabbitmq-queues', via, args, signal);
    // Of a queue that has no other copy nothing is left to count on: whoever waits for it to go waits for ever.
    const stayed = printed.split('\n').filter((row) => row.trim() !== '' && !/\blast_node\b/.test(row));
    if (stayed.length === 0) return;
    throw brokerError(`copies stayed on ${node}: ${stayed.join('; ').slice(0, 500)}`, { operation: 'shrink' });
  }
}
