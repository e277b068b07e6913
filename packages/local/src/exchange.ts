import { type CallOptions, ClusterError } from '@autocluster/core/backend';
import type { LocalConfig } from './config.js';
import type { Environment } from './environment.js';
import { storeError } from './errors.js';
import type { ClusterKeys } from './keys.js';
import { nextOf, type Plan, type View, viewOf } from './view.js';

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

/** Asks one unchanging state. */
export function look<T>(exchange: Exchange, question: (view: View) => T): T {
  const { options, keys, environment, boot } = exchange;
  try {
    return environment.database.read((reader) =>
      question(viewOf(reader, keys, () => ({ nowMs: options.clock.monotonicMs(), boot }))),
    );
  } catch (error) {
    throw storeError(error, failureOf(exchange));
  }
}

function requireRoom({ operation, environment, config: { folder, maxBytes } }: Exchange): void {
  if (environment.database.usedBytes() < maxBytes) return;
  const text = `the entries in ${folder} take more than maxBytes (${maxBytes})`;
  throw new ClusterError('STORE_FULL', text, { operation, details: { folder, maxBytes } });
}

/** True when the writes of the plan are done, false when the state that it was made from is over. */
async function write(exchange: Exchange, view: View, { news, writes }: Plan<unknown>): Promise<boolean> {
  const { environment, keys } = exchange;
  const sequence = nextOf(view);
  const changed = news === 'list' ? sequence : (view.counters?.changed ?? 0);
  const commit = { condition: keys.sequence, seen: view.counters?.sequence, next: { sequence, changed }, writes };
  try {
    return await environment.database.commit(commit);
  } catch (error) {
    throw storeError(error, { ...failureOf(exchange), outcomeUnknown: true });
  }
}

async function writeOnce<T>(exchange: Exchange, plan: (view: View) => Plan<T>): Promise<Plan<T> | undefined> {
  const [view, made] = look(exchange, (view) => [view, plan(view)] as const);
  if (made.writes.length === 0) return made;
  if (made.grows) requireRoom(exchange);
  return (await write(exchange, view, made)) ? made : undefined;
}

/**
 * Carries out what `plan` makes of the latest state. The commit depends on that state: when another process wrote in
 * between, the plan is made again. Each round that fails is a round in which somebody else succeeded.
 */
export function carryOut<T>(exchange: Exchange, plan: (view: View) => Plan<T>): Promise<T> {
  const { operation, options, environment, config, requireWanted } = exchange;
  const startedMs = options.clock.monotonicMs();
  return environment.inTurn(async () => {
    for (;;) {
      requireWanted();
      const done = await writeOnce(exchange, plan);
      if (done !== undefined && done.news !== 'none') environment.notice.touch();
      if (done !== undefined) return done.outcome;
      if (options.clock.monotonicMs() - startedMs > options.timeoutMs) {
        const text = `other processes wrote to ${config.folder} all the time`;
        throw new ClusterError('TIMEOUT', text, { operation, outcomeUnknown: false });
      }
    }
  });
}
