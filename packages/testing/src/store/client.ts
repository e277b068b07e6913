import {
  type Backend,
  type CallOptions,
  type Capabilities,
  ClusterError,
  FORMATION_LOCK,
  type LockGrant,
  type LockOutcome,
  type LockRequest,
  type MemberList,
  type RegisterOutcome,
  type RegisterRequest,
  type Registration,
  type UnlockOptions,
  type UnlockOutcome,
} from '@autocluster/core/backend';
import { onAbort } from '@autocluster/core/runtime';
import type { Random } from '../time/index.js';
import { maybeNonsense, memberList, spoiledList } from './answer-faults.js';
import { commitAndRelease, separateCommit } from './commit.js';
import type { LockEntry } from './entries.js';
import type { ClientFaults, Fault, Verb } from './faults.js';
import type { Line, Work } from './line.js';
import type { Arrival, Namespace, Registered } from './namespace.js';
import type { DatedView } from './past-views.js';
import { ChangeIterator, type Subscribe } from './watch.js';

/** What a client needs of the store that it talks to. */
export interface ClientPort {
  readonly capabilities: Capabilities;
  readonly stalenessMs: number;
  readonly random: Random;
  readonly identity: string;
  nextSequence(): number;
  /** Runs one message against the cluster as it is now. */
  visit<T>(cluster: string, work: (space: Namespace, nowMs: number) => T): T;
  /** The same against the store that answers who is sent elsewhere. */
  visitElsewhere<T>(cluster: string, work: (space: Namespace, nowMs: number) => T): T;
  readonly elsewhere: string;
  subscribe(cluster: string, listener: () => void): () => void;
}

/** A backend over a memory store, with a port for faults. */
export interface MemoryClient extends Backend {
  readonly id: string;
  readonly faults: ClientFaults;
  /** Missing where the store's capabilities have none. */
  readonly watch?: (options: CallOptions) => AsyncIterable<'changed'>;
}

export interface ClientParts {
  readonly id: string;
  readonly cluster: string;
  readonly capabilities: Capabilities;
  readonly line: Line;
  readonly port: ClientPort;
}

const unsupported = (verb: Verb, text: string) =>
  Promise.reject(new ClusterError('UNSUPPORTED', text, { operation: verb }));

export class SimulatedClient implements MemoryClient {
  readonly name = 'memory';
  readonly spi = 1;
  readonly id: string;
  readonly cluster: string;
  readonly capabilities: Capabilities;
  readonly watch?: (options: CallOptions) => AsyncIterable<'changed'>;
  readonly #line: Line;
  readonly #port: ClientPort;
  #lastStore = '';
  #lastRevision = 0;

  constructor({ id, cluster, capabilities, line, port }: ClientParts) {
    this.id = id;
    this.cluster = cluster;
    this.capabilities = capabilities;
    this.#line = line;
    this.#port = port;
    if (capabilities.watch) this.watch = (options) => this.#watch(options);
  }

  get faults(): ClientFaults {
    return this.#line;
  }

  register(request: RegisterRequest, options: CallOptions): Promise<RegisterOutcome> {
    return this.#send('register', options, (space, arrival) => registerOutcome(space.register(request, arrival)));
  }

  unregister(registration: Registration, options: CallOptions): Promise<void> {
    return this.#send('unregister', options, (space, arrival) => space.unregister(registration, arrival));
  }

  list(options: CallOptions): Promise<MemberList> {
    return this.#send('list', options, (space, { nowMs }, faults) => this.#list(space, nowMs, faults));
  }

  lock(request: LockRequest, options: CallOptions): Promise<LockOutcome> {
    if (this.#port.capabilities.lock === 'none') return unsupported('lock', 'this store has no locks');
    return this.#send('lock', options, (space, arrival) => this.#lockOutcome(space, request, arrival));
  }

  unlock(grant: LockGrant, options: UnlockOptions): Promise<UnlockOutcome> {
    const { record } = options;
    const { capabilities } = this.#port;
    if (capabilities.lock === 'none') return unsupported('unlock', 'this store has no locks');
    if (!record) {
      const release = (space: Namespace, { nowMs }: Arrival) => (space.release(grant, nowMs) ? 'released' : 'lost');
      return this.#send('unlock', options, (space, arrival) => ({ kind: release(space, arrival) }));
    }
    if (grant.name !== FORMATION_LOCK) {
      return unsupported('unlock', `the record is written under ${FORMATION_LOCK} only, not under ${grant.name}`);
    }
    if (capabilities.record === 'separate') return this.#separateCommit(grant, { ...options, record });
    return this.#send('unlock', options, (space, { nowMs }) => ({
      kind: commitAndRelease(space, grant, record, nowMs),
    }));
  }

  #watch(options: CallOptions): AsyncIterable<'changed'> {
    const subscribe: Subscribe = (listener) => this.#port.subscribe(this.cluster, listener);
    return { [Symbol.asyncIterator]: () => new ChangeIterator(this.#line, subscribe, options) };
  }

  close(): Promise<void> {
    this.#line.close();
    return Promise.resolve();
  }

  #send<T>(
    verb: Verb,
    options: CallOptions,
    work: (space: Namespace, arrival: Arrival, faults: readonly Fault[]) => T,
  ): Promise<T> {
    const sequence = this.#port.nextSequence();
    const arrive: Work<T> = (faults) => {
      const on = (space: Namespace, nowMs: number) => work(space, { nowMs, sequence }, faults);
      const answer = isElsewhere(faults)
        ? this.#port.visitElsewhere(this.cluster, on)
        : this.#port.visit(this.cluster, on);
      return faults.length > 0 ? maybeNonsense(answer, faults, this.#port.random) : answer;
    };
    return this.#line.exchange(verb, options, arrive);
  }

  #list(space: Namespace, nowMs: number, faults: readonly Fault[]): MemberList {
    const { random } = this.#port;
    const away = isElsewhere(faults);
    const store = away ? this.#port.elsewhere : this.#port.identity;
    const back = (changes: number) => space.past.back(changes);
    const list = memberList(away ? space.current(nowMs) : this.#visible(space, nowMs), store);
    return faults.reduce((spoiled, fault) => spoiledList(spoiled, fault, { store, random, back }), list);
  }

  /** What this client sees now: in a store whose lists are late, a past view, but never an older one than before. */
  #visible(space: Namespace, nowMs: number): DatedView {
    const current = space.current(nowMs);
    if (this.#port.capabilities.listConsistency === 'linearizable') return current;
    const late = space.past.at(nowMs - this.#port.random.between(0, this.#port.stalenessMs)) ?? current;
    const isStep = this.#lastStore !== this.#port.identity || late.revision >= this.#lastRevision;
    const seen = isStep ? late : current;
    this.#lastStore = this.#port.identity;
    this.#lastRevision = seen.revision;
    return seen;
  }

  #lockOutcome(space: Namespace, request: LockRequest, arrival: Arrival): LockOutcome {
    const locked = space.lock(request, arrival);
    if (locked.kind === 'lost') return { kind: 'lost' };
    if (locked.kind === 'held') {
      const { name, attempt, token, ttlMs } = locked.lock;
      const record = name === FORMATION_LOCK ? locked.record : undefined;
      return { kind: 'held', grant: { name, attempt, token, ttlMs, ref: `${name}@${token}`, record } };
    }
    const { holder, retryAfterMs } = locked;
    const hints = {
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      ...(holder ? { released: (signal: AbortSignal) => this.#released(holder, signal) } : {}),
    };
    return { kind: 'busy', holder: holder?.node, ...hints };
  }

  /** Settles when this grant is gone, as far as this client can hear it. */
  #released({ name, token }: LockEntry, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const isGone = () => this.#port.visit(this.cluster, (space) => space.locks.get(name)?.token !== token);
      const finish = () => {
        stop();
        resolve();
      };
      let told = false;
      const look = () => {
        if (told || !isGone()) return;
        told = true;
        this.#line.reply(0, finish);
      };
      const letChangesGo = this.#port.subscribe(this.cluster, look);
      const letLineGo = this.#line.keepWatch(finish);
      let letSignalGo = () => undefined as void;
      const stop = () => {
        letChangesGo();
        letLineGo();
        letSignalGo();
      };
      letSignalGo = onAbort(signal, finish);
      look();
    });
  }

  async #separateCommit(
    grant: LockGrant,
    { record, ...options }: UnlockOptions & Required<Pick<UnlockOptions, 'record'>>,
  ): Promise<UnlockOutcome> {
    const endMs = options.clock.monotonicMs() + options.timeoutMs;
    const rest = (): CallOptions => ({ ...options, timeoutMs: Math.max(0, endMs - options.clock.monotonicMs()) });
    const fenced = this.#port.capabilities.lock === 'fenced';
    if (!fenced) {
      const isHeld = await this.#send('unlock', rest(), (space) => separateCommit.check(space, grant, record));
      if (!isHeld) return { kind: 'lost' };
    }
    const isWritten = await this.#send('unlock', rest(), (space, { nowMs }) =>
      separateCommit.write(space, grant, record, { nowMs, fenced }),
    );
    if (!isWritten) return { kind: 'lost' };
    return this.#send('unlock', rest(), (space, { nowMs }) => ({
      kind: separateCommit.release(space, grant, record, nowMs),
    }));
  }
}

const isElsewhere = (faults: readonly Fault[]): boolean => faults.some(({ kind }) => kind === 'elsewhere');

function registerOutcome(registered: Registered): RegisterOutcome {
  if (registered.kind !== 'refused') return registered;
  throw new ClusterError('STORE_FAILED', registered.reason, { operation: 'register', outcomeUnknown: false });
}
