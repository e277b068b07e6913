import type { ClusterRecord, Membership, NodeId } from '@autocluster/core/driver';
import { compareNodes } from '@autocluster/core/driver';
import type { Brokers } from './broker.js';
import { queuesOn } from './expressions.js';

/** Copies of quorum queues on members that are gone. RabbitMQ before 3.12 leaves them when it forgets the member. */
export class QuorumQueues {
  readonly #brokers: Brokers;
  #later: Promise<unknown> = Promise.resolve();

  constructor(brokers: Brokers) {
    this.#brokers = brokers;
  }

  /** How many queues count on a copy on a node, as a member that runs knows it. */
  async countOn(via: NodeId, node: NodeId, signal: AbortSignal): Promise<number> {
    return Number(await this.#brokers.commands.evaluate(via, queuesOn(node), signal));
  }

  /** Removes the copies on a node, through a member that runs. */
  async shrink(via: NodeId, node: NodeId, signal: AbortSignal): Promise<void> {
    await this.#brokers.commands.control('rabbitmq-queues', via, ['shrink', node, '--errors-only'], signal);
  }

  /** It takes long and may be repeated, so nobody waits for it. */
  shrinkLater(nodes: readonly NodeId[]): void {
    const { signal } = new AbortController();
    const { node: self } = this.#brokers.config;
    const work = async () => {
      for (const node of nodes) {
        if ((await this.countOn(self, node, signal)) !== 0) await this.shrink(self, node, signal);
      }
    };
    // What failed is done again when the record changes the next time, or before that node joins.
    this.#later = this.#later.then(work).catch(() => undefined);
  }

  /** One of the members does again what the one that removed others may not have finished. */
  repeat({ removed }: ClusterRecord, { running }: Membership): void {
    const [first] = [...running].sort(compareNodes);
    if (removed.length > 0 && first === this.#brokers.config.node) this.shrinkLater(removed);
  }
}
