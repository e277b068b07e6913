import { type Backend, type ClusterRecord, FORMATION_LOCK, type LockGrant } from '@autocluster/core/backend';
import { deadline, pause, systemClock, systemRuntime } from '@autocluster/core/runtime';
import type { FaultPort } from '@autocluster/conformance';
import { type Random, seededRandom } from '@autocluster/testing';
import type { Operation } from './history.ts';

export interface Contender {
  readonly backend: Backend;
  /** The way to the store; undefined where there is none. */
  readonly faults: FaultPort | undefined;
}

const FAULTS = ['stall', 'dropReplies', 'cutReplies', 'refuse'] as const;
const CALL_MS = 400;
/** Nothing expires while a history is made: an end that nobody calls for is in no history. */
const TTL_MS = 60_000;
const NEVER = new AbortController().signal;
const micros = (): number => Math.round(systemClock.monotonicMs() * 1000);
const sleep = (ms: number): Promise<void> => pause(systemRuntime, ms, NEVER);

type Known = Pick<Operation, 'verb' | 'attempt'> & Partial<Operation>;
type Seen = Partial<Pick<Operation, 'answer' | 'token' | 'record'>>;

/** Runs contenders for one lock and writes down what each of them saw. */
export class Workload {
  readonly history: Operation[] = [];
  readonly #contenders: readonly Contender[];
  readonly #random: Random;
  readonly #endMs: number;
  #number = 0;

  constructor(contenders: readonly Contender[], seed: number, forMs: number) {
    this.#contenders = contenders;
    this.#random = seededRandom(seed);
    this.#endMs = systemClock.monotonicMs() + forMs;
  }

  async run(): Promise<readonly Operation[]> {
    await Promise.all([...this.#contenders.map((each, client) => this.#contend(each, client)), this.#disturb()]);
    const last = Math.max(...this.history.map((each) => each.return)) + 1;
    return this.history.map((each) => (each.answer === 'unknown' ? { ...each, return: last } : each));
  }

  get #ended(): boolean {
    return systemClock.monotonicMs() >= this.#endMs;
  }

  async #disturb(): Promise<void> {
    while (!this.#ended) {
      // The pace of the faults, here and below: part of the load, and seeded.
      await sleep(this.#random.between(50, 250));
      const { faults } = this.#contenders[Math.floor(this.#random.between(0, this.#contenders.length))] ?? {};
      if (faults === undefined) continue;
      const kind = FAULTS[Math.floor(this.#random.between(0, FAULTS.length))] ?? 'stall';
      faults[kind]();
      await sleep(this.#random.between(50, 600));
      await faults.heal();
    }
    for (const { faults } of this.#contenders) await faults?.heal();
  }

  async #contend({ backend }: Contender, client: number): Promise<void> {
    while (!this.#ended) {
      // The pace of a contender.
      await sleep(this.#random.between(0, 40));
      this.#number += 1;
      const attempt = `${client}-${this.#number}`;
      const grant = await this.#acquire(backend, client, attempt);
      await this.#read(backend, client);
      if (grant !== undefined) await this.#use(backend, client, attempt, grant);
    }
  }

  /** As the core does: an attempt of unknown outcome is repeated until it is known. */
  async #acquire(backend: Backend, client: number, attempt: string): Promise<LockGrant | undefined> {
    for (let round = 0; round < 30; round += 1) {
      const outcome = await this.#lock(backend, client, attempt);
      if (outcome !== undefined) return outcome.kind === 'held' ? outcome.grant : undefined;
    }
    return undefined;
  }

  #lock(backend: Backend, client: number, attempt: string, held?: LockGrant) {
    const who = { name: FORMATION_LOCK, node: `n${client}`, instance: `n${client}-1`, attempt, ttlMs: TTL_MS };
    const request = held ? { ...who, held } : who;
    return this.#call(
      { client, verb: held ? 'renew' : 'lock', attempt },
      (options) => backend.lock(request, options),
      (answer) => ({ answer: answer.kind, token: answer.kind === 'held' ? Number(answer.grant.token) : 0 }),
    );
  }

  async #use(backend: Backend, client: number, attempt: string, grant: LockGrant): Promise<void> {
    if (this.#random.next() < 0.3) await this.#lock(backend, client, attempt, grant);
    const record = this.#random.next() < 0.6 ? this.#record(grant.token, attempt) : undefined;
    const known = { client, verb: record ? 'commit' : 'unlock', attempt, record: record?.clusterId ?? '' } as const;
    for (let round = 0; round < 30; round += 1) {
      const outcome = await this.#call(
        known,
        (options) => backend.unlock(grant, record ? { ...options, record } : options),
        ({ kind }) => ({ answer: kind }),
      );
      if (outcome !== undefined) return;
    }
  }

  #read(backend: Backend, client: number) {
    return this.#call(
      { client, verb: 'read', attempt: '' },
      (options) => backend.list(options),
      ({ record }) => ({ answer: 'seen', record: record.kind === 'present' ? record.record.clusterId : '' }),
    );
  }

  #record(token: bigint, clusterId: string): ClusterRecord {
    const born = { clusterId, generation: 1, createdBy: 'a', createdAt: '2026-01-01T00:00:00.000Z', token };
    return { ...born, version: 1, size: 1, idle: false, removed: [], settings: {}, extra: {} };
  }

  /** Writes a call down. One that fails is of unknown outcome, unless it only read. */
  async #call<T>(
    known: Known & { readonly client: number },
    start: (options: Parameters<Backend['list']>[0]) => Promise<T>,
    seen: (answer: T) => Seen,
  ): Promise<T | undefined> {
    const limit = deadline(systemRuntime, CALL_MS, known.verb);
    const call = micros();
    const blank = { record: '', token: 0, call, ...known };
    try {
      const answer = await start({ signal: limit.signal, timeoutMs: CALL_MS, clock: systemClock });
      this.history.push({ ...blank, answer: 'unknown', ...seen(answer), return: micros() });
      return answer;
    } catch {
      if (known.verb !== 'read') this.history.push({ ...blank, answer: 'unknown', return: micros() });
      return undefined;
    } finally {
      limit.clear();
    }
  }
}
