import { type ClusterNode, createClusterNode, isClusterError, processDriver } from '@autocluster/core';
import { daemonWorld, type Fault, memoryStore, seededRandom, simulateTime, type Verb } from '@autocluster/testing';
import { expect, it } from 'vitest';

const VERBS: readonly Verb[] = ['register', 'unregister', 'list', 'lock', 'unlock', 'watch'];
const DRIVER_VERBS = ['membership', 'health', 'create', 'join', 'committed', 'reset'] as const;
const HISTORIES = Number(process.env['HISTORIES'] ?? 40);
const FIRST_SEED = Number(process.env['FIRST_SEED'] ?? 0);

/** One history: nodes that start, crash, pause and meet a store that loses, delays and repeats what they say. */
class Explorer {
  readonly time;
  readonly store;
  readonly #random;
  readonly #daemons;
  readonly #isDurable: boolean;
  readonly #settleMs: number;
  readonly #alive = new Map<string, { node: ClusterNode; client: string; process: ReturnType<Explorer['process']> }>();
  readonly failures: string[] = [];
  readonly log: string[] = [];
  #launched = 0;

  constructor(seed: number) {
    this.time = simulateTime({ seed });
    this.#random = seededRandom(seed);
    this.#isDurable = seed % 2 === 0;
    this.#settleMs = this.#pick([0, 20_000]);
    this.store = memoryStore({ runtime: this.time.runtime, seed });
    const concurrentJoins = this.#chance(0.5);
    const stepMs = this.#pick([0, 50, 4_000]);
    const traits = { data: 'durable', views: 'peer', concurrentJoins, stepMs } as const;
    this.#daemons = daemonWorld({ runtime: this.time.runtime, seed, ...traits });
  }

  process() {
    return this.time.process({ driftRate: 1 + (this.#random.next() - 0.5) / 1_000 });
  }

  #chance(probability: number): boolean {
    return this.#random.next() < probability;
  }

  #below(limit: number): number {
    return Math.floor(this.#random.next() * limit);
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[this.#below(choices.length)] as T;
  }

  launch(name: string): void {
    const process = this.process();
    const client = `${name}.${(this.#launched += 1)}`;
    const latency = { requestMs: [0, 30], replyMs: [0, 30] } as const;
    const backend = this.store.client({ cluster: 'demo', id: client, runtime: process, latency });
    const driver = this.#isDurable
      ? this.#daemons.daemon(name).inProcess(process)
      : processDriver({ node: name, onCreate: () => new Promise((done) => process.after(20, done)) });
    const more = { formationTimeoutMs: 'unlimited', settleMs: this.#settleMs, onEvent: () => undefined } as const;
    const node = createClusterNode({ backend, driver, ...more }, process);
    node.start().catch((error: unknown) => {
      if (this.#alive.get(name)?.node !== node) return;
      const others = this.store
        .cluster('demo')
        .inspect()
        .members.filter(({ registration }) => registration.node === name);
      // Where a request of the run before arrives later than any answer is waited for, only another start can tell.
      if (isClusterError(error, 'NAME_HELD') && others.length === 1)
        return this.#restartAfter(name, () => this.#alive.delete(name));
      this.failures.push(`${name}: ${String(error)}`);
    });
    this.#alive.set(name, { node, client, process });
  }

  crash(name: string): void {
    const { process, client } = this.#get(name);
    process.crash();
    this.store.faults(client).inject({ kind: 'drop-request' });
    this.#alive.delete(name);
  }

  #get(name: string) {
    const found = this.#alive.get(name);
    if (!found) throw new Error(name);
    return found;
  }

  #fault(): Fault {
    return this.#pick<() => Fault>([
      () => ({ kind: 'drop-reply' }),
      () => ({ kind: 'drop-request' }),
      () => ({ kind: 'delay', requestMs: this.#below(20_000), replyMs: this.#below(3_000) }),
      () => ({ kind: 'fail', code: 'STORE_FAILED', applied: this.#chance(0.5) }),
      () => ({ kind: 'duplicate', afterMs: this.#below(20_000) }),
      () => ({ kind: 'partial-list' }),
    ])();
  }

  /** One thing that goes wrong, and some time. */
  async strike(): Promise<void> {
    const name = this.#pick([...this.#alive.keys()]);
    const { client, process } = this.#get(name);
    const kind = this.#pick([
      'fault',
      'fault',
      'fault',
      'daemon',
      'crash',
      'pause',
      'suspend',
      'lock',
      'member',
      'stop',
    ] as const);
    this.log.push(`${Math.round(this.time.nowMs)} ${kind} ${name}`);
    if (kind === 'fault') {
      const fault = this.#fault();
      const scope = {
        verbs: VERBS.filter(() => this.#chance(0.4)),
        times: 1 + this.#below(6),
        chance: 0.3 + this.#random.next() * 0.7,
      };
      this.log.push(`  ${JSON.stringify({ ...fault, ...scope })}`);
      this.store.faults(client).inject({ ...fault, ...scope });
    } else if (kind === 'daemon') {
      const verbs = DRIVER_VERBS.filter(() => this.#chance(0.5));
      const trouble = this.#pick([
        { kind: 'fail', afterSteps: this.#below(3) },
        { kind: 'slow', ms: this.#below(50_000) },
      ] as const);
      this.log.push(`  ${JSON.stringify({ ...trouble, verbs })}`);
      this.#daemons.daemon(name).faults.inject({ ...trouble, verbs, times: 1 + this.#below(3) });
    } else if (kind === 'crash') this.#restartAfter(name, () => this.crash(name));
    else if (kind === 'stop')
      this.#restartAfter(name, () => {
        void this.#get(name).node.stop();
        this.#alive.delete(name);
      });
    else if (kind === 'lock') this.store.cluster('demo').deleteLock('formation');
    else if (kind === 'member') this.store.cluster('demo').deleteMember(name);
    else {
      process[kind]();
      this.time.runtime.after(this.#below(70_000), () => process.resume());
    }
    await this.time.advance(this.#pick([5, 100, 1_000, 10_000, 40_000]) * this.#random.next());
  }

  #restartAfter(name: string, end: () => void): void {
    end();
    // A supervisor that starts a daemon again waits until the one before it is gone.
    this.time.runtime.after(6_000 + this.#below(20_000), () => this.launch(name));
    if (this.#alive.size === 0) this.launch(`n${10 + this.#launched}`);
  }

  async deleteRecord(): Promise<void> {
    this.log.push(`${Math.round(this.time.nowMs)} delete record`);
    this.store.cluster('demo').deleteRecord();
    await this.time.advance(60_000);
  }

  async converge(): Promise<void> {
    for (const { client, process } of this.#alive.values()) {
      this.store.faults(client).clear();
      process.resume();
    }
    await this.time.advance(100_000);
    await this.time
      .runUntil(() => this.identities.size === 1 && !this.identities.has(''), { limitMs: 400_000 })
      .catch(() => undefined);
  }

  /** What every living node says that its cluster is; empty for one that is not formed. */
  get identities(): ReadonlySet<string> {
    const all = [...this.#alive.values()].map(({ node: { state } }) =>
      state.kind === 'formed' ? JSON.stringify(state.identity) : '',
    );
    return new Set(all);
  }

  get states(): readonly unknown[] {
    return [...this.#alive].map(([name, { node }]) => [name, node.state]);
  }

  /** Daemons that lost a membership that was committed: nothing in these histories permits that. */
  get #destroyed(): readonly string[] {
    const members = new Set<string>();
    const destroyed: string[] = [];
    for (const fact of this.#daemons.history) {
      if (fact.kind === 'committed') members.add(fact.node);
      if (fact.kind === 'reset' && members.delete(fact.node)) destroyed.push(`${fact.node} lost ${fact.lost}`);
    }
    return destroyed;
  }

  get wrong(): readonly string[] {
    const wrong = [...this.failures];
    const byGeneration = new Map<number, string>();
    for (const fact of this.store.history) {
      if (fact.kind !== 'record-committed' || fact.record.kind !== 'present') continue;
      if (!fact.underLock) wrong.push('a commit without its lock');
      const { generation, clusterId } = fact.record.record;
      const other = byGeneration.get(generation) ?? clusterId;
      if (other !== clusterId) wrong.push(`two clusters of generation ${generation}: ${other} ${clusterId}`);
      byGeneration.set(generation, other);
    }
    if (this.identities.size !== 1 || this.identities.has(''))
      wrong.push(`no convergence: ${JSON.stringify(this.states)}`);
    return [...wrong, ...this.#destroyed];
  }
}

async function explore(seed: number): Promise<Explorer> {
  const explorer = new Explorer(seed);
  const random = seededRandom(`${seed} outline`);
  const count = 3 + (seed % 3);
  for (let index = 1; index <= count; index += 1) {
    explorer.launch(`n${index}`);
    if (random.next() < 0.3) await explorer.time.advance(random.next() * 300);
  }
  const strikes = 1 + Math.floor(random.next() * 10);
  for (let index = 0; index < strikes; index += 1) await explorer.strike();
  await explorer.converge();
  if (random.next() < 0.3) await explorer.deleteRecord();
  return explorer;
}

it(`${HISTORIES} random histories end in one cluster`, { timeout: 600_000 }, async () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + HISTORIES; seed += 1) {
    const explorer = await explore(seed);
    expect.soft(explorer.wrong, `seed ${seed}\n${explorer.log.join('\n')}`).toEqual([]);
  }
});
