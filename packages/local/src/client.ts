import { addAbortListener } from 'node:events';
import type { CallOptions, ClusterError } from '@autocluster/core/backend';
import { bootId } from './boot.js';
import type { LocalConfig } from './config.js';
import { type Borrowed, borrowEnvironment, type Environment } from './environment.js';
import { abortError, closedError, storeError } from './errors.js';
import { carryOut, type Exchange, look } from './exchange.js';
import { clusterKeys } from './keys.js';
import type { Numbers, Plan, View } from './view.js';

/** One backend's way to its folder. */
export interface Client {
  /** Asks one unchanging state of the store with this identity. */
  ask<T>(operation: string, options: CallOptions, question: (view: View, store: string) => T): Promise<T>;
  /** Carries out what `plan` makes of the latest state, in one transaction. */
  carryOut<T>(operation: string, options: CallOptions, plan: (view: View) => Plan<T>): Promise<T>;
  /** The folder, for those who wait for news of it. */
  environment(operation: string, options: CallOptions): Promise<Environment>;
  /** What the cluster counts now. */
  counters(environment: Environment): Numbers;
  /** Aborts when the client is closed. */
  readonly closed: AbortSignal;
  close(): Promise<void>;
}

export interface ClientParts {
  readonly config: LocalConfig;
  /** Names the boot of the machine. Default: asks the machine. */
  readonly boot?: () => string;
}

interface Opened extends Borrowed {
  readonly boot: string;
}

/** Opens the folder at the first use, and again after a failure. */
function createOpener({ config: { folder }, boot = bootId }: ClientParts) {
  let opening: Promise<Opened> | undefined;
  let opened: Opened | undefined;
  const open = async (): Promise<Opened> => {
    const id = boot();
    opened = { ...(await borrowEnvironment(folder)), boot: id };
    return opened;
  };
  return {
    async ready(operation: string): Promise<Opened> {
      opening ??= open();
      const attempt = opening;
      try {
        return await attempt;
      } catch (error) {
        if (opening === attempt) opening = undefined;
        throw storeError(error, { operation, folder });
      }
    },
    async close(): Promise<void> {
      const last = opening;
      opening = undefined;
      const giveBack = last?.then((borrowed) => borrowed.giveBack()).catch(() => undefined);
      // An opening that another process holds up gives the folder back when it goes on.
      if (opened !== undefined) await giveBack;
    },
  };
}

interface End {
  readonly signal: AbortSignal;
  readonly error: () => ClusterError;
}

/** Settles with `work`, or at once with the error of the first end that comes; what becomes of `work` is then unknown. */
async function untilEnd<T>(work: Promise<T>, ends: readonly End[]): Promise<T> {
  let letGo = () => undefined as void;
  const ended = new Promise<never>((_, reject) => {
    const listeners = ends.map(({ signal, error }) => addAbortListener(signal, () => reject(error())));
    letGo = () => listeners.forEach((listener) => listener[Symbol.dispose]());
  });
  try {
    return await Promise.race([work, ended]);
  } finally {
    letGo();
  }
}

export interface ClientParts {
  readonly config: LocalConfig;
  /** Default: the machine's. */
  readonly boot?: () => string;
}

export function createClient(parts: ClientParts): Client {
  return new FolderClient(parts);
}

type Open = Borrowed & { readonly boot: string };

class FolderClient implements Client {
  readonly #config: LocalConfig;
  readonly #boot: () => string;
  readonly #keys: ReturnType<typeof clusterKeys>;
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<unknown>>();
  #opened: Promise<Open> | undefined;

  constructor({ config, boot = bootId }: ClientParts) {
    this.#config = config;
    this.#boot = boot;
    this.#keys = clusterKeys(config.cluster);
  }

  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  async carryOut<T>(operation: string, options: CallOptions, plan: (view: View) => Plan<T>): Promise<T> {
    this.#refuse(operation, options);
    const work = untilAborted(this.#attemptUntilDone(operation, options, plan), options.signal, operation);
    this.#running.add(work);
    const forget = () => void this.#running.delete(work);
    work.then(forget, forget);
    return work;
  }

  async ask<T>(operation: string, options: CallOptions, question: (view: View, store: string) => T): Promise<T> {
    this.#refuse(operation, options);
    const open = await this.#ready(operation);
    this.#refuse(operation, options);
    return this.#look(operation, options, open, (view) => question(view, open.environment.store));
  }

  async environment(operation: string): Promise<Environment> {
    return (await this.#ready(operation)).environment;
  }

  counters(environment: Environment): Numbers {
    return environment.read((reader) => reader.numbers(this.#keys.sequence)) ?? { sequence: 0, changed: 0 };
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled(this.#running);
    const borrowed = await this.#opened?.catch(() => undefined);
    this.#opened = undefined;
    await borrowed?.giveBack();
  }

  async #open(): Promise<Open> {
    const boot = this.#boot();
    return { ...(await borrowEnvironment(this.#config.folder)), boot };
  }

  async #ready(operation: string): Promise<Open> {
    if (this.#closing.signal.aborted) throw closedError(operation);
    this.#opened ??= this.#open();
    const attempt = this.#opened;
    try {
      return await attempt;
    } catch (error) {
      if (this.#opened === attempt) this.#opened = undefined;
      throw storeError(error, { operation, folder: this.#config.folder });
    }
  }

  #refuse(operation: string, { signal }: CallOptions): void {
    if (this.#closing.signal.aborted) throw closedError(operation);
    if (signal.aborted) throw abortError(signal, operation, false);
  }

  #look<T>(operation: string, { clock }: CallOptions, { environment, boot }: Open, question: (view: View) => T): T {
    try {
      // The time is read behind the state: no lease in it can have begun later.
      return environment.read((reader) => question(viewOf(reader, this.#keys, { nowMs: clock.monotonicMs(), boot })));
    } catch (error) {
      throw storeError(error, { operation, folder: this.#config.folder });
    }
  }

  #requireRoom(operation: string, environment: Environment, plan: Plan<unknown>): void {
    const { folder, maxBytes } = this.#config;
    if (!plan.grows || environment.usedBytes() < maxBytes) return;
    const text = `the entries in ${folder} take more than maxBytes (${maxBytes})`;
    throw new ClusterError('STORE_FULL', text, { operation, details: { folder, maxBytes } });
  }

  /** True when the writes of the plan were done, false when the state that it was made from is over. */
  async #write(operation: string, environment: Environment, view: View, plan: Plan<unknown>): Promise<boolean> {
    const seen = view.counters;
    const sequence = nextOf(view);
    const changed = plan.news === 'list' ? sequence : (seen?.changed ?? 0);
    const next = { sequence, changed };
    const condition = this.#keys.sequence;
    try {
      return await environment.commit({ condition, seen: seen?.sequence, next, writes: plan.writes });
    } catch (error) {
      throw storeError(error, { operation, folder: this.#config.folder });
    }
  }

  async #attemptUntilDone<T>(operation: string, options: CallOptions, plan: (view: View) => Plan<T>): Promise<T> {
    const open = await this.#ready(operation);
    const { environment } = open;
    const startedMs = options.clock.monotonicMs();
    return environment.inTurn(async () => {
      for (;;) {
        this.#refuse(operation, options);
        const [view, made] = this.#look(operation, options, open, (seen) => [seen, plan(seen)] as const);
        this.#requireRoom(operation, environment, made);
        if (made.writes.length === 0 || (await this.#write(operation, environment, view, made))) {
          if (made.news !== 'none') environment.notice.touch();
          return made.outcome;
        }
        if (options.clock.monotonicMs() - startedMs > options.timeoutMs) {
          const text = `other processes wrote to ${this.#config.folder} all the time`;
          throw new ClusterError('TIMEOUT', text, { operation, outcomeUnknown: false });
        }
      }
    });
  }
}
