import {
  type ClusterDriver,
  ClusterError,
  type ClusterIdentity,
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
import type { Disk } from './disk.js';
import { Caller, type CallerOptions } from './driver-call.js';
import type { DriverVerb } from './driver-faults.js';
import type { Universe } from './universe.js';

export interface DriverTraits {
  /** Default `durable`. */
  readonly data: ClusterDriver['data'];
  /** Default `peer`. */
  readonly views: ClusterDriver['views'];
  /** Default true. */
  readonly concurrentJoins: boolean;
}

const failure = (verb: DriverVerb, text: string) => new ClusterError('DRIVER_FAILED', text, { operation: verb });
const mismatch = (verb: DriverVerb, text: string) => new ClusterError('CLUSTER_MISMATCH', text, { operation: verb });
const identityOf = ({ clusterId, generation }: ClusterIdentity): ClusterIdentity => ({ clusterId, generation });
const hasIdentity = ({ identity }: Disk, wanted: ClusterIdentity) =>
  (identity.kind === 'committed' || identity.kind === 'provisional') && sameIdentity(identity, wanted);
const isCommittedTo = (disk: Disk, wanted: ClusterIdentity) =>
  disk.identity.kind === 'committed' && hasIdentity(disk, wanted);
const isMarked = ({ identity }: Disk) => identity.kind === 'unnamed' && identity.interruptedJoin;

/** The driver of one simulated daemon. What it knows is on the daemon's disk: another driver object goes on from there. */
export class SimulatedDriver implements ClusterDriver {
  readonly name = 'simulated';
  readonly spi = 1;
  readonly data: ClusterDriver['data'];
  readonly views: ClusterDriver['views'];
  readonly concurrentJoins: boolean;
  readonly #node: NodeId;
  readonly #universe: Universe;
  readonly #caller: Caller;

  constructor(options: CallerOptions, { data, views, concurrentJoins }: DriverTraits) {
    this.data = data;
    this.views = views;
    this.concurrentJoins = concurrentJoins;
    this.#node = options.node;
    this.#universe = options.universe;
    this.#caller = new Caller(options);
  }

  self(): NodeId {
    return this.#node;
  }

  membership(call: DriverCall): Promise<Membership> {
    return this.#caller.ask('membership', call, () => {
      if (this.#universe.state(this.#node).power === 'running') return this.#universe.view(this.#node);
      throw failure('membership', `${this.#node} does not run`);
    });
  }

  health(
    { node }: { readonly node: NodeId; readonly listed: Member | undefined },
    call: DriverCall,
  ): Promise<NodeHealth> {
    return this.#caller.ask('health', call, () => this.#health(node));
  }

  create({ identity, token }: CreateRequest, call: DriverCall): Promise<void> {
    const provisional = { kind: 'provisional', ...identityOf(identity) } as const;
    const isDone = () => this.#own().disk.cluster !== undefined && hasIdentity(this.#own().disk, identity);
    const begin = () => {
      const { kind } = this.#own().disk.identity;
      if (kind === 'committed' || kind === 'unnamed')
        throw failure('create', `${this.#node} has data of another cluster`);
      this.#universe.wipe(this.#node);
      this.#universe.write(this.#node, { identity: provisional });
    };
    const found = () => {
      this.#universe.found(this.#node, provisional);
      this.#universe.note({ kind: 'created', node: this.#node, identity: identityOf(identity), token: String(token) });
    };
    return this.#caller.work('create', call, { isDone, steps: [begin, found] });
  }

  join({ seed: { node: seed }, record }: JoinRequest, call: DriverCall): Promise<void> {
    const verifySeed = () => {
      if (!this.#talksTo(seed)) throw failure('join', `${seed} cannot be reached`);
      if (isCommittedTo(this.#universe.state(seed).disk, record)) return;
      throw mismatch('join', `${seed} is not in the cluster of the record`);
    };
    const isDone = () => {
      verifySeed();
      return this.#isClusteredWith(seed);
    };
    const forgetOwnName = () => {
      verifySeed();
      this.#universe.spread(seed, (members) => members.filter((member) => member !== this.#node));
    };
    const dropData = () => {
      this.#universe.wipe(this.#node);
      this.#universe.write(this.#node, { identity: { kind: 'unnamed', interruptedJoin: true } });
    };
    const enter = () => {
      verifySeed();
      this.#enter(seed, record);
    };
    const verifyAgain = () => {
      try {
        verifySeed();
      } catch (error) {
        this.#depart();
        throw error;
      }
    };
    const steps = [() => this.#mark(), forgetOwnName, dropData, enter, verifyAgain];
    return this.#caller.work('join', call, { isDone, steps });
  }

  committed(record: ClusterRecord, call: DriverCall): Promise<void> {
    const isDone = () => {
      const { disk } = this.#own();
      this.#requireStillInside(disk);
      const { identity, kept } = disk;
      if ((identity.kind === 'provisional' || identity.kind === 'committed') && !sameIdentity(identity, record)) {
        throw mismatch('committed', `${this.#node} belongs to cluster ${identity.clusterId}`);
      }
      return isCommittedTo(disk, record) && kept !== undefined && kept.version >= record.version;
    };
    const keep = () => {
      this.#universe.write(this.#node, { identity: { kind: 'committed', ...identityOf(record) }, kept: record });
      const { version } = record;
      this.#universe.note({ kind: 'committed', node: this.#node, identity: identityOf(record), version });
    };
    return this.#caller.work('committed', call, { isDone, steps: [keep] });
  }

  leave(call: DriverCall): Promise<void> {
    const depart = () => {
      const lost = this.#own().disk.cluster ?? 'nothing';
      this.#depart();
      this.#universe.note({ kind: 'left', node: this.#node, lost });
    };
    return this.#caller.work('leave', call, { steps: [depart] });
  }

  reset(call: DriverCall): Promise<void> {
    const destroy = () => {
      const lost = this.#own().disk.cluster ?? 'nothing';
      this.#universe.wipe(this.#node);
      this.#universe.note({ kind: 'reset', node: this.#node, lost });
    };
    return this.#caller.work('reset', call, { steps: [destroy] });
  }

  forget({ node, token }: ForgetRequest, call: DriverCall): Promise<void> {
    const isDone = () => !this.#own().disk.members.includes(node);
    const remove = () => {
      if (this.#universe.runsInViewOf(this.#node, node)) throw failure('forget', `${node} runs`);
      const { power, disk } = this.#universe.state(node);
      const wasRunning = power === 'running' && disk.cluster === this.#own().disk.cluster;
      this.#universe.spread(this.#node, (members) => members.filter((member) => member !== node));
      this.#universe.note({ kind: 'forgotten', node, by: this.#node, token: String(token), wasRunning });
    };
    return this.#caller.work('forget', call, { isDone, steps: [remove] });
  }

  afterForget({ node }: ForgetRequest, call: DriverCall): Promise<void> {
    const note = () => this.#universe.note({ kind: 'tidied', node, by: this.#node });
    return this.#caller.work('afterForget', call, { steps: [note] });
  }

  #own() {
    return this.#universe.state(this.#node);
  }

  #talksTo(peer: NodeId): boolean {
    return this.#universe.find(peer)?.power === 'running' && this.#universe.network.linked(this.#node, peer);
  }

  #isClusteredWith(seed: NodeId): boolean {
    const { disk } = this.#own();
    const other = this.#universe.state(seed).disk;
    const seesEachOther = disk.members.includes(seed) && other.members.includes(this.#node);
    return disk.cluster !== undefined && disk.cluster === other.cluster && seesEachOther;
  }

  /** Says on disk that a join begins, before any data is touched. */
  #mark(): void {
    const { disk } = this.#own();
    const { kind } = disk.identity;
    if (kind === 'committed' || (kind === 'unnamed' && !isMarked(disk))) {
      throw new ClusterError('LOCAL_DATA', `${this.#node} has data of a cluster`, { operation: 'join' });
    }
    this.#universe.write(this.#node, { identity: { kind: 'unnamed', interruptedJoin: true } });
  }

  #enter(seed: NodeId, record: ClusterRecord): void {
    const { cluster } = this.#universe.state(seed).disk;
    this.#universe.write(this.#node, { cluster });
    this.#universe.spread(seed, (members) => [...members.filter((member) => member !== this.#node), this.#node]);
    const { members, version } = this.#universe.state(seed).disk;
    this.#universe.write(this.#node, { members, version });
    this.#universe.note({ kind: 'joined', node: this.#node, seed, identity: identityOf(record) });
  }

  /** Out of the cluster, in its view too, and blank. */
  #depart(): void {
    this.#universe.spread(this.#node, (members) => members.filter((member) => member !== this.#node));
    this.#universe.wipe(this.#node);
  }

  #requireStillInside({ cluster, members }: Disk): void {
    if (cluster === undefined) throw failure('committed', `${this.#node} is blank`);
    const peers = members.filter((member) => member !== this.#node && this.#talksTo(member));
    const theirs = peers.map((peer) => this.#universe.state(peer).disk);
    const isMember = (disk: Disk) => disk.cluster === cluster && disk.members.includes(this.#node);
    if (theirs.length > 0 && !theirs.some(isMember)) throw failure('committed', `${this.#node} was removed`);
  }

  #health(node: NodeId): NodeHealth {
    const peer = this.#universe.find(node);
    const unknown = (detail: string): NodeHealth => ({ status: 'unknown', ready: false, detail, view: undefined });
    if (!peer) return unknown(`nobody is called ${node}`);
    if (peer.power === 'off' || !this.#universe.network.linked(this.#node, node)) return unknown(`${node}: no answer`);
    if (peer.power === 'stopped') return { status: 'down', ready: false, detail: `${node} refused`, view: undefined };
    const ready = peer.ready && peer.disk.identity.kind !== 'provisional';
    const view = this.views === 'peer' ? this.#universe.view(node) : undefined;
    return { status: 'up', ready, detail: ready ? `${node} is ready` : `${node} is not ready`, view };
  }
}
