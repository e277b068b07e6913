import { addAbortListener, setMaxListeners } from 'node:events';
import type { CallOptions, ClusterError } from '@autocluster/core/backend';
import { bootId } from './boot.js';
import type { LocalConfig } from './config.js';
import type { Environment } from './environment.js';
import { abortError, closedError, storeError } from './errors.js';
import { carryOut, type Exchange, look } from './exchange.js';
import { type Borrowed, borrowEnvironment } from './folders.js';
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

export function createClient(parts: ClientParts): Client {
  const { config } = parts;
  const keys = clusterKeys(config.cluster);
  const closing = new AbortController();
  // Every call under way listens to it.
  setMaxListeners(0, closing.signal);
  const opener = createOpener(parts);
  let closed: Promise<void> | undefined;

  const requireWanted = (operation: string, { signal }: CallOptions) => {
    if (closing.signal.aborted) throw closedError(operation, false);
    if (signal.aborted) throw abortError(signal, operation, false);
  };

  const bounded = async <T>(operation: string, options: CallOptions, work: (exchange: Exchange) => T | Promise<T>) => {
    requireWanted(operation, options);
    const wanted = () => requireWanted(operation, options);
    let written = false;
    const onWrite = () => {
      written = true;
    };
    const exchange = async () => {
      const { environment, boot } = await opener.ready(operation);
      wanted();
      return work({ operation, options, config, keys, environment, boot, requireWanted: wanted, onWrite });
    };
    return untilEnd(exchange(), [
      { signal: options.signal, error: () => abortError(options.signal, operation, written) },
      { signal: closing.signal, error: () => closedError(operation, written) },
    ]);
  };

  return {
    closed: closing.signal,
    ask: (operation, options, question) =>
      bounded(operation, options, (exchange) => look(exchange, (view) => question(view, exchange.environment.store))),
    carryOut: (operation, options, plan) => bounded(operation, options, (exchange) => carryOut(exchange, plan)),
    environment: (operation, options) => bounded(operation, options, ({ environment }) => environment),
    counters: ({ database }) => database.read((reader) => reader.numbers(keys.sequence)) ?? { sequence: 0, changed: 0 },
    close() {
      closing.abort();
      closed ??= opener.close();
      return closed;
    },
  };
}
