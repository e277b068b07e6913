import type { LocalIdentity, Membership, NodeId } from '@autocluster/core/driver';
import type { Runtime } from '@autocluster/core/runtime';
import { blankDisk, type DaemonState, type Disk } from './disk.js';
import type { DaemonEvent, DaemonFact } from './history.js';
import { Network } from './network.js';

/** All daemons and the network between them: what is true, whoever may say what. */
export class Universe {
  readonly runtime: Runtime;
  readonly network = new Network();
  readonly history: DaemonEvent[] = [];
  readonly #states = new Map<NodeId, DaemonState>();
  #clusters = 0;

  readonly #onEvent: ((event: DaemonEvent) => void) | undefined;

  constructor(runtime: Runtime, onEvent?: (event: DaemonEvent) => void) {
    this.runtime = runtime;
    this.#onEvent = onEvent;
  }

  get states(): readonly DaemonState[] {
    return [...this.#states.values()];
  }

  find(node: NodeId): DaemonState | undefined {
    return this.#states.get(node);
  }

  state(node: NodeId): DaemonState {
    const found = this.#states.get(node);
    if (found) return found;
    const made = { node, disk: blankDisk(node), power: 'running', run: 1, ready: true, scars: [] } as const;
    this.#states.set(node, made);
    return made;
  }

  change(node: NodeId, change: Partial<Omit<DaemonState, 'node' | 'disk'>>): void {
    this.#states.set(node, { ...this.state(node), ...change });
  }

  write(node: NodeId, change: Partial<Disk>): void {
    const state = this.state(node);
    this.#states.set(node, { ...state, disk: { ...state.disk, ...change } });
  }

  wipe(node: NodeId): void {
    this.write(node, blankDisk(node));
  }

  note(fact: DaemonFact): void {
    const event = { atMs: this.runtime.clock.monotonicMs(), ...fact };
    this.history.push(event);
    this.#onEvent?.(event);
  }

  newCluster(): string {
    this.#clusters += 1;
    return `data-${this.#clusters}`;
  }

  /** Gives a daemon data of a cluster of its own, and the identity that goes with it. */
  found(node: NodeId, identity: LocalIdentity): void {
    const version = this.state(node).disk.version + 1;
    this.write(node, { cluster: this.newCluster(), identity, members: [node], version });
  }

  /** Daemons that run with this one in one cluster, by its own view and as far as it can reach them; itself first. */
  reachable({ node, disk }: DaemonState): readonly DaemonState[] {
    const self = this.state(node);
    const others = disk.members
      .filter((member) => member !== node)
      .map((member) => this.state(member))
      .filter((peer) => this.#clustered(self, peer));
    return [self, ...others];
  }

  /** Whether this member runs in the view of any daemon that `node` can reach in its cluster. */
  runsInViewOf(node: NodeId, member: NodeId): boolean {
    return this.reachable(this.state(node)).some((peer) => this.reachable(peer).some((each) => each.node === member));
  }

  /** Changes the members in the view of every daemon that `via` reaches. */
  spread(via: NodeId, change: (members: readonly NodeId[]) => readonly NodeId[]): void {
    const told = this.reachable(this.state(via));
    const version = 1 + Math.max(...told.map((peer) => peer.disk.version));
    const members = change(this.state(via).disk.members);
    for (const { node } of told) this.write(node, { members, version });
  }

  /** Daemons that meet again take the newest view of those who still count them in. */
  sync(): void {
    for (let round = 0; round < this.#states.size; round += 1) {
      let changed = false;
      for (const { node } of this.states) changed = this.#catchUp(this.state(node)) || changed;
      if (!changed) return;
    }
  }

  view(node: NodeId): Membership {
    const state = this.state(node);
    const running = this.reachable(state).map((peer) => peer.node);
    const ordered = state.disk.members.filter((member) => running.includes(member));
    const { identity, members, kept } = state.disk;
    return { identity, members, running: ordered, partitions: state.scars, kept };
  }

  #clustered(a: DaemonState, b: DaemonState): boolean {
    const bothRun = a.power === 'running' && b.power === 'running';
    const sameData = a.disk.cluster !== undefined && a.disk.cluster === b.disk.cluster;
    return bothRun && sameData && this.network.linked(a.node, b.node);
  }

  #catchUp(state: DaemonState): boolean {
    let newest = state.disk;
    for (const peer of this.states) {
      const countsMeIn = peer.disk.members.includes(state.node) && this.#clustered(state, peer);
      if (countsMeIn && isNewer(peer.disk, newest)) newest = peer.disk;
    }
    if (newest === state.disk) return false;
    this.write(state.node, { members: newest.members, version: newest.version });
    return true;
  }
}

/** Of two views that both sides of a partition made, one wins, and the same one everywhere. */
function isNewer(a: Disk, b: Disk): boolean {
  if (a.version !== b.version) return a.version > b.version;
  return a.members.toSorted().join() > b.members.toSorted().join();
}
