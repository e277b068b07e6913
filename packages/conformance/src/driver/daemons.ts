import type { ClusterRecord, MemberList } from '@autocluster/core/backend';
import type {
  ClusterDriver,
  DriverCall,
  LocalIdentity,
  Member,
  Membership,
  NodeHealth,
} from '@autocluster/core/driver';
import { deadline, orLate, systemClock, systemRuntime } from '@autocluster/core/runtime';
import { broken } from '../errors.js';
import { recordOf, unique } from '../space/request.js';
import type { DriverSubject, DriverWorld } from './subject.js';

/** How soon a driver stops after its signal. */
const STOPS_WITHIN_MS = 5000;

export const entry = (node: string, identity: ClusterRecord): Member => {
  const { clusterId, generation, version } = identity;
  const place = { metadata: {}, order: undefined, recordVersion: version };
  return { node, instance: `${node}-1`, state: 'ready', identity: { clusterId, generation }, ...place };
};

function listOf(members: readonly Member[], record: ClusterRecord): MemberList {
  const registrations = members.map((member) => ({ ...member, ref: member.node, ttlMs: undefined }));
  const rest = { complete: true, skipped: [], revision: undefined, store: undefined };
  return { members: registrations, record: { kind: 'present', record }, ...rest };
}

type Work<T> = (call: DriverCall) => Promise<T>;

/** Three daemons that nobody has used, `a`, `b` and `c`, and the record of a cluster that one of them may create. */
export class Daemons {
  readonly record: ClusterRecord = recordOf(1n, { createdBy: 'a' });
  readonly other: ClusterRecord = recordOf(2n, { clusterId: unique(), createdBy: 'b' });
  readonly world: DriverWorld;
  readonly #workMs: number;
  readonly #listed: Member[] = [];

  constructor(world: DriverWorld, { workMs = 60_000 }: DriverSubject) {
    this.world = world;
    this.#workMs = workMs;
  }

  driver(node: string): ClusterDriver {
    return this.world.driver(node);
  }

  /** Runs a verb as the core does: with a limit, and the latest list. Fails when it does not stop after its signal. */
  async work<T>(run: Work<T>, signal?: AbortSignal): Promise<T> {
    const limit = deadline(systemRuntime, this.#workMs, 'the driver', [signal]);
    const list = listOf(this.#listed, this.record);
    const work = (async () => run({ signal: limit.signal, timeoutMs: this.#workMs, clock: systemClock, list }))();
    let settled = false;
    const seen = work.then(
      () => void (settled = true),
      () => void (settled = true),
    );
    try {
      await orLate(systemRuntime, seen, signal ? STOPS_WITHIN_MS : this.#workMs + STOPS_WITHIN_MS);
      if (settled) return await work;
    } finally {
      limit.clear();
    }
    return broken(`a verb has not stopped ${STOPS_WITHIN_MS} ms after its signal`);
  }

  membership(node: string): Promise<Membership> {
    return this.work((call) => this.driver(node).membership(call));
  }

  async identity(node: string): Promise<LocalIdentity> {
    return (await this.membership(node)).identity;
  }

  health(of: string, by: string): Promise<NodeHealth> {
    const listed = this.#listed.find(({ node }) => node === of);
    return this.work((call) => this.driver(by).health({ node: of, listed }, call));
  }

  create(node: string, { clusterId, generation, token }: ClusterRecord = this.record): Promise<void> {
    const request = { identity: { clusterId, generation }, token };
    return this.work((call) => this.driver(node).create(request, call));
  }

  join(node: string, seed: string, record: ClusterRecord = this.record, signal?: AbortSignal): Promise<void> {
    const request = { seed: entry(seed, record), token: record.token, record };
    return this.work((call) => this.driver(node).join(request, call), signal);
  }

  async commit(node: string, record: ClusterRecord = this.record): Promise<void> {
    await this.work((call) => this.driver(node).committed(record, call));
    if (!this.#listed.some((each) => each.node === node)) this.#listed.push(entry(node, record));
  }

  reset(node: string): Promise<void> {
    return this.work((call) => this.driver(node).reset(call));
  }

  forget(node: string, by: string): Promise<void> {
    return this.work((call) => this.driver(by).forget({ node, instance: undefined, token: 3n }, call));
  }

  /** `a` has created the cluster, and the others have joined it. */
  async cluster(...others: readonly string[]): Promise<void> {
    await this.create('a');
    await this.commit('a');
    for (const node of others) {
      await this.join(node, 'a');
      await this.commit(node);
    }
  }
}
