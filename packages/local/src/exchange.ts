import { type CallOptions, ClusterError } from '@autocluster/core/backend';
import type { LocalConfig } from './config.js';
import type { Commit } from './database.js';
import type { Environment } from './environment.js';
import { storeError } from './errors.js';
import type { ClusterKeys } from './keys.js';
import { nextOf, type Plan, type Reader, type View, viewOf } from './view.js';

/** One call of a verb in an open folder. */
export interface Exchange {
  readonly operation: string;
  readonly options: CallOptions;
  readonly config: LocalConfig;
  readonly keys: ClusterKeys;
  readonly environment: Environment;
  readonly boot: string;
  /** Throws once nobody wants an answer any more. */
  readonly requireWanted: () => void;
}

const failureOf = ({ operation, config: { folder } }: Exchange) => ({ operation, folder });

const viewFor = ({ options, keys, boot }: Exchange, reader: Reader): View =>
  viewOf(reader, keys, () => ({ nowMs: options.clock.monotonicMs(), boot }));

/** Asks one unchanging state. */
export function look<T>(exchange: Exchange, question: (view: View) => T): T {
  try {
    return exchange.environment.database.read((reader) => question(viewFor(exchange, reader)));
  } catch (error) {
    throw storeError(error, failureOf(exchange));
  }
}

function requireRoom({ operation, environment, config: { folder, maxBytes } }: Exchange): void {
  if (environment.database.usedBytes() < maxBytes) return;
  const text = `the entries in ${folder} take more than maxBytes (${maxBytes})`;
  throw new ClusterError('STORE_FULL', text, { operation, details: { folder, maxBytes } });
}

function commitOf({ keys }: Exchange, view: View, { news, writes }: Plan<unknown>): Commit {
  const sequence = nextOf(view);
  const changed = news === 'list' ? sequence : (view.counters?.changed ?? 0);
  return { condition: keys.sequence, seen: view.counters?.sequence, next: { sequence, changed }, writes };
}

/** The plan that was carried out; undefined when the state that it was made from did not last. */
async function writeOnce<T>(exchange: Exchange, plan: (view: View) => Plan<T>): Promise<Plan<T> | undefined> {
  let made: Plan<T> | undefined;
  const prepare = (reader: Reader) => {
    exchange.requireWanted();
    const view = viewFor(exchange, reader);
    made = plan(view);
    if (made.writes.length === 0) return undefined;
    if (made.grows) requireRoom(exchange);
    return commitOf(exchange, view, made);
  };
  try {
    const done = await exchange.environment.writer.write(prepare);
    return done ? made : undefined;
  } catch (error) {
    throw storeError(error, { ...failureOf(exchange), outcomeUnknown: true });
  }
}

/**
 * Carries out what `plan` makes of the latest state. The commit depends on that state: when another process wrote in
 * between, the plan is made again. Each round that fails is a round in which somebody else succeeded.
 */
export async function carryOut<T>(exchange: Exchange, plan: (view: View) => Plan<T>): Promise<T> {
  const { operation, options, environment, config } = exchange;
  const startedMs = options.clock.monotonicMs();
  for (;;) {
    const done = await writeOnce(exchange, plan);
    if (done !== undefined && done.news !== 'none') environment.notice.touch();
    if (done !== undefined) return done.outcome;
    if (options.clock.monotonicMs() - startedMs > options.timeoutMs) {
      const text = `other processes wrote to ${config.folder} all the time`;
      throw new ClusterError('TIMEOUT', text, { operation, outcomeUnknown: false });
    }
  }
}
