import { addAbortListener } from 'node:events';
import { type CallOptions, ClusterError } from '@autocluster/core/backend';
import { bootId } from './boot.js';
import type { LocalConfig } from './config.js';
import { type Borrowed, borrowEnvironment, type Environment } from './environment.js';
import { abortError, closedError, storeError } from './errors.js';
import { clusterKeys } from './keys.js';
import { nextOf, type Numbers, type Plan, type View, viewOf } from './view.js';

/** One backend's way to its folder. */
export interface Client {
  /** Asks one unchanging state. */
  ask<T>(operation: string, options: CallOptions, question: (view: View, store: string) => T): Promise<T>;
  /** Carries out what `plan` makes of the latest state, in one transaction. */
  carryOut<T>(operation: string, options: CallOptions, plan: (view: View) => Plan<T>): Promise<T>;
  /** Opens the folder if that was not done before. */
  environment(operation: string): Promise<Environment>;
  /** What the store counts now. */
  counters(environment: Environment): Numbers;
  /** Aborts when the client is closed. */
  readonly closed: AbortSignal;
  close(): Promise<void>;
}

/** Settles with `work`, or at once when the signal aborts; the outcome of `work` is then unknown. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal, operation: string): Promise<T> {
  let letGo = () => undefined as void;
  const aborted = new Promise<never>((_, reject) => {
    const listener = addAbortListener(signal, () => reject(abortError(signal, operation, true)));
    letGo = () => listener[Symbol.dispose]();
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    letGo();
  }
}

export interface ClientParts {
  readonly config: LocalConfig;
  /** Default: the machine's. */
  readonly boot?: () => string;
}

export function createClient({ config, boot = bootId }: ClientParts): Client {
  const { folder, maxBytes } = config;
  const keys = clusterKeys(config.cluster);
  const closing = new AbortController();
  const running = new Set<Promise<unknown>>();
  let opened: Promise<Borrowed & { readonly boot: string }> | undefined;

  const open = () => {
    opened ??= (async () => {
      const id = boot();
      return { ...(await borrowEnvironment(folder)), boot: id };
    })();
    return opened;
  };

  const ready = async (operation: string) => {
    if (closing.signal.aborted) throw closedError(operation);
    const attempt = open();
    try {
      return await attempt;
    } catch (error) {
      if (opened === attempt) opened = undefined;
      throw storeError(error, { operation, folder });
    }
  };

  const refuse = (operation: string, { signal }: CallOptions) => {
    if (closing.signal.aborted) throw closedError(operation);
    if (signal.aborted) throw abortError(signal, operation, false);
  };

  const look = <T>(
    operation: string,
    { clock }: CallOptions,
    environment: Environment,
    id: string,
    question: (view: View) => T,
  ): T => {
    try {
      // The time is read behind the state: no lease in it can have begun later.
      return environment.read((reader) => question(viewOf(reader, keys, { nowMs: clock.monotonicMs(), boot: id })));
    } catch (error) {
      throw storeError(error, { operation, folder });
    }
  };

  const requireRoom = (operation: string, environment: Environment, plan: Plan<unknown>) => {
    if (!plan.grows || environment.usedBytes() < maxBytes) return;
    const text = `the entries in ${folder} take more than maxBytes (${maxBytes})`;
    throw new ClusterError('STORE_FULL', text, { operation, details: { folder, maxBytes } });
  };

  /** True when the writes of the plan were done, false when the state that it was made from is over. */
  const write = async (operation: string, environment: Environment, view: View, plan: Plan<unknown>) => {
    const seen = view.counters;
    const sequence = nextOf(view);
    const changed = plan.news === 'list' ? sequence : (seen?.changed ?? 0);
    const next = { sequence, changed };
    try {
      return await environment.commit({ condition: keys.sequence, seen: seen?.sequence, next, writes: plan.writes });
    } catch (error) {
      throw storeError(error, { operation, folder });
    }
  };

  const attemptUntilDone = async <T>(operation: string, options: CallOptions, plan: (view: View) => Plan<T>) => {
    const { environment, boot: id } = await ready(operation);
    const startedMs = options.clock.monotonicMs();
    return environment.inTurn(async () => {
      for (;;) {
        refuse(operation, options);
        const [view, made] = look(operation, options, environment, id, (view) => [view, plan(view)] as const);
        requireRoom(operation, environment, made);
        if (made.writes.length === 0 || (await write(operation, environment, view, made))) {
          if (made.news !== 'none') environment.notice.touch();
          return made.outcome;
        }
        if (options.clock.monotonicMs() - startedMs > options.timeoutMs) {
          const text = `other processes wrote to ${folder} all the time`;
          throw new ClusterError('TIMEOUT', text, { operation, outcomeUnknown: false });
        }
      }
    });
  };

  const tracked = <T>(work: Promise<T>): Promise<T> => {
    running.add(work);
    const forget = () => void running.delete(work);
    work.then(forget, forget);
    return work;
  };

  return {
    closed: closing.signal,
    async carryOut(operation, options, plan) {
      refuse(operation, options);
      return tracked(untilAborted(attemptUntilDone(operation, options, plan), options.signal, operation));
    },
    async ask(operation, options, question) {
      refuse(operation, options);
      const { environment, boot: id } = await ready(operation);
      refuse(operation, options);
      return look(operation, options, environment, id, (view) => question(view, environment.store));
    },
    environment: async (operation) => (await ready(operation)).environment,
    counters: (environment) =>
      environment.read((reader) => reader.numbers(keys.sequence)) ?? { sequence: 0, changed: 0 },
    async close() {
      closing.abort();
      await Promise.allSettled(running);
      const borrowed = await opened?.catch(() => undefined);
      opened = undefined;
      await borrowed?.giveBack();
    },
  };
}
