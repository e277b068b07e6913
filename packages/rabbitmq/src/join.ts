import {
  type ClusterRecord,
  type JoinRequest,
  type Member,
  type Membership,
  type NodeId,
  sameIdentity,
} from '@autocluster/core/driver';
import type { Boot } from './boot.js';
import type { Brokers } from './broker.js';
import { brokerError, localDataError, mismatchError } from './errors.js';
import { parseClusterStatus } from './parse.js';
import type { QuorumQueues } from './queues.js';
import { isHalfway, isVirgin, viewOf } from './view.js';

export interface JoinParts {
  readonly brokers: Brokers;
  readonly boot: Boot;
  readonly queues: QuorumQueues;
}

/** One join of the own broker: everything is looked at before and after, and what is not as meant leaves it blank. */
export class Join {
  readonly #parts: JoinParts;
  readonly #node: NodeId;
  readonly #seed: Member;
  readonly #record: ClusterRecord;
  readonly #signal: AbortSignal;

  constructor(parts: JoinParts, { seed, record }: JoinRequest, signal: AbortSignal) {
    this.#parts = parts;
    this.#node = parts.brokers.config.node;
    this.#seed = seed;
    this.#record = record;
    this.#signal = signal;
  }

  async run(): Promise<void> {
    const { brokers, boot, queues } = this.#parts;
    const copies = queues.countOn(this.#seed.node, this.#node, this.#signal);
    // Read only when the seed has answered that it can be joined.
    copies.catch(() => undefined);
    const [seedView, { probe, state, file }] = await Promise.all([this.#seedView(), brokers.own(this.#signal)]);
    const own = viewOf(this.#node, probe);
    if (this.#isDone(own, seedView)) return;
    const kind = own?.identity.kind ?? 'unnamed';
    if (!state.joining && kind !== 'blank' && kind !== 'provisional') {
      throw localDataError(`${this.#node} has data of a cluster`, { operation: 'join' });
    }
    file.write({ joining: true, record: undefined });
    // Who still counts it could not forget it while its database is in touch with theirs.
    if (isHalfway(this.#node, probe)) await boot.clear(probe, this.#signal);
    await this.#forgetEarlierLife(seedView, await copies);
    if (!isVirgin(probe)) await boot.clear(probe, this.#signal);
    await boot.enter(this.#seed.node, probe, this.#signal);
    await this.#verify();
  }

  /** The seed must say itself, and now, that it is in the cluster of the record and lets others in. */
  async #seedView(): Promise<Membership> {
    const { node } = this.#seed;
    const { status, admits, detail, view } = await this.#parts.brokers.health(node, this.#signal, this.#seed);
    if (status !== 'up' || !view) throw brokerError(`${node} cannot be joined: ${detail}`, { operation: 'join' });
    if (!this.#belongs(view)) {
      throw mismatchError(`${node} is not in the cluster of the record`, { operation: 'join', retryable: true });
    }
    if (admits || this.#adopts(view)) return view;
    throw brokerError(`${node} cannot be joined: ${detail}`, { operation: 'join' });
  }

  #belongs(view: Membership): boolean {
    const { identity } = view;
    return (
      (identity.kind === 'committed' && sameIdentity(identityOf(identity), identityOf(this.#record))) ||
      this.#adopts(view)
    );
  }

  /** A cluster that has no name yet gets this record, which this node commits after it has joined. */
  #adopts({ identity }: Membership): boolean {
    const isNew = this.#record.version === 1 && this.#record.createdBy === this.#node;
    return isNew && identity.kind === 'unnamed' && !identity.interruptedJoin;
  }

  /** Both count each other, in the cluster of the record. */
  #isDone(own: Membership | undefined, theirs: Membership | undefined): boolean {
    if (!own || !theirs || !this.#belongs(own) || !this.#belongs(theirs)) return false;
    return own.members.includes(this.#seed.node) && theirs.members.includes(this.#node);
  }

  /**
   * What is left of an earlier life under this name goes first: the members would refuse a node that lost its data, and a queue
   * that counts on a copy without its log could lose what it has confirmed.
   */
  async #forgetEarlierLife({ members }: Membership, copies: number): Promise<void> {
    const { brokers, queues } = this.#parts;
    const via = this.#seed.node;
    if (members.includes(this.#node)) {
      await brokers.commands.lasting.control('rabbitmqctl', via, ['forget_cluster_node', this.#node], this.#signal);
    }
    if (copies !== 0) await queues.shrink(via, this.#node, this.#signal);
  }

  async #verify(): Promise<void> {
    const { brokers, boot } = this.#parts;
    const [{ probe }, { view }] = await Promise.all([
      brokers.own(this.#signal),
      brokers.healthOverOwn(this.#seed.node, this.#signal, this.#seed),
    ]);
    if (this.#isDone(viewOf(this.#node, probe), view)) {
      if (probe.gate === 'none') await this.#verifyByCommand();
      return;
    }
    // The broker stands alone, or in a cluster that nobody meant: it is as blank as before.
    await boot.clear(probe, this.#signal);
    await boot.stand(this.#signal);
    const text = `after the join ${this.#node} and ${this.#seed.node} are not members of one cluster`;
    throw brokerError(text, { operation: 'join' });
  }

  /** A broker that was changed by commands is asked by command as well. */
  async #verifyByCommand(): Promise<void> {
    const args = ['cluster_status', '--formatter', 'json'];
    const printed = await this.#parts.brokers.commands.control('rabbitmqctl', this.#node, args, this.#signal);
    if (parseClusterStatus(printed).members.includes(this.#seed.node)) return;
    throw brokerError(`cluster_status of ${this.#node} does not list ${this.#seed.node}`, { operation: 'join' });
  }
}

export const identityOf = ({ clusterId, generation }: { readonly clusterId: string; readonly generation: number }) => ({
  clusterId,
  generation,
});
