import type { ClusterIdentity, ClusterNode, NodeState } from '@autocluster/core';
import type { Clock } from '@autocluster/core/backend';
import type { MemoryClient } from '../store/index.js';
import type { SimulatedProcess } from '../time/index.js';

export const IDLE: NodeState = { kind: 'idle' };

export interface ActorParts extends Pick<Actor, 'name' | 'number' | 'process' | 'client' | 'beside'> {
  readonly nodeOf: (actor: Actor) => ClusterNode;
}

/** One run of one node: a process, what it is connected with, and what is known of it from outside. */
export class Actor {
  readonly name: string;
  /** Counts the runs of all nodes. */
  readonly number: number;
  readonly process: SimulatedProcess;
  readonly client: MemoryClient;
  readonly launchedMs: number;
  state: NodeState = IDLE;
  /** When its state last became another one. */
  stateSinceMs: number;
  /** Neither crashed nor told to stop. */
  alive = true;
  ended = false;
  crashed = false;
  /** Told to leave its cluster for good. It may go on as before, when it cannot. */
  leaving = false;
  /** Since when it has run without a halt and without a fault on any of its calls. */
  cleanSinceMs: number;
  /** Since when its process runs; undefined while it is halted. */
  runningSinceMs: number | undefined;
  /** Launched although another run of its node was alive. */
  readonly beside: boolean;
  /** What its calls of a driver without data have led to. */
  mirrored: ClusterIdentity | 'blank' | 'provisional' = 'blank';
  /** The instance under which it registers; the last of them where the platform chooses. */
  instance: string | undefined;
  /** By lock and token: which of its attempts was told that it has the lock. */
  readonly told = new Map<string, string>();
  /** What it asks the store right now is for a report of its health. */
  reporting = false;
  failure: { readonly code: string; readonly text: string } | undefined;
  readonly node: ClusterNode;

  constructor(parts: ActorParts, nowMs: number) {
    this.name = parts.name;
    this.number = parts.number;
    this.process = parts.process;
    this.client = parts.client;
    this.beside = parts.beside;
    this.launchedMs = nowMs;
    this.stateSinceMs = nowMs;
    this.cleanSinceMs = nowMs;
    this.runningSinceMs = nowMs;
    this.node = parts.nodeOf(this);
  }

  get label(): string {
    return `${this.name}.${this.number}`;
  }

  get clock(): Clock {
    return this.process.clock;
  }

  /** The cluster that it says it is in. */
  get formedIn(): ClusterIdentity | undefined {
    return this.state.kind === 'formed' ? this.state.identity : undefined;
  }

  get running(): boolean {
    return this.process.state === 'running';
  }
}
