import type { CleanupOptions, ClusterNode } from '@autocluster/core';
import type { ClusterRecord } from '@autocluster/core/backend';
import type { DaemonWorld, SimulatedProcess } from '@autocluster/testing';
import { type LaunchOptions, World } from '../node/kit.js';

/** Short, and as far from each other as the defaults are. */
export const CLEANUP: CleanupOptions = { mode: 'remove', intervalMs: 15_000, restartMs: 10_000 };
export const GRACE_MS = 45_000;

/** Durable daemons with a node each, of which some are lost. */
export class CleanupWorld extends World {
  readonly daemonsOf: DaemonWorld = this.daemons();
  readonly graceMs = GRACE_MS;
  readonly processes = new Map<string, SimulatedProcess>();
  readonly cleanup: CleanupOptions;

  constructor(seed: number, cleanup: CleanupOptions = {}) {
    super(seed);
    this.cleanup = { ...CLEANUP, ...cleanup };
  }

  /** So many formed nodes: n1, n2, … */
  static async formed(count: number, cleanup: CleanupOptions = {}, seed = 1): Promise<CleanupWorld> {
    const world = new CleanupWorld(seed, cleanup);
    const names = Array.from({ length: count }, (_, index) => `n${index + 1}`);
    for (const name of names) world.boot(name);
    await world.formed(...names);
    await world.until(() => world.record?.size === count);
    return world;
  }

  daemon(name: string) {
    return this.daemonsOf.daemon(name);
  }

  boot(name: string, options: LaunchOptions = {}): ClusterNode {
    const daemon = this.daemon(name);
    daemon.start();
    return this.launch(name, { driver: daemon, cleanup: this.cleanup, ...options });
  }

  /** The machine is gone: daemon and supervisor. Answers when. */
  lose(name: string): number {
    this.daemon(name).powerOff();
    this.crash(name);
    return this.time.nowMs;
  }

  node(name: string): ClusterNode {
    const node = this.nodes.get(name);
    if (!node) throw new Error(`no node ${name}`);
    return node;
  }

  get record(): ClusterRecord | undefined {
    const { record } = this.cluster;
    return record.kind === 'present' ? record.record : undefined;
  }

  /** Who was forgotten, in order. */
  get removed(): readonly string[] {
    return this.daemonsOf.history.flatMap((fact) => (fact.kind === 'forgotten' ? [fact.node] : []));
  }

  membersOf(name: string): readonly string[] {
    return this.daemon(name).inspect().disk.members.toSorted();
  }
}
