import { type CallOptions, ClusterError } from '@autocluster/core/backend';
import type { LocalConfig } from './config.js';
import type { Transaction } from './database.js';
import type { Environment } from './environment.js';
import { heldUp, storeError } from './errors.js';
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
  /** Told before anything is written. */
  readonly onWrite: () => void;
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

/** Throws once the change is not waited for any longer. */
function patience({ operation, options, config, requireWanted, environment }: Exchange): () => void {
  const startedMs = options.clock.monotonicMs();
  return () => {
    requireWanted();
    if (options.clock.monotonicMs() - startedMs <= options.timeoutMs) return;
    throw heldUp(config.folder, environment.turn.others(), operation);
  };
}

/** Writes what `plan` makes of the latest state, and answers the plan. */
async function write<T>(exchange: Exchange, plan: (view: View) => Plan<T>): Promise<Plan<T>> {
  const { keys, environment, requireWanted } = exchange;
  return new Promise((resolve, reject) => {
    let made: Plan<T>;
    const prepare = (latest: Transaction) => {
      const view = viewFor(exchange, latest);
      made = plan(view);
      const { writes, news, grows } = made;
      if (writes.length === 0) return undefined;
      if (grows) requireRoom(exchange);
      requireWanted();
      const sequence = nextOf(view);
      const changed = news === 'list' ? sequence : (view.counters?.changed ?? 0);
      return () => {
        exchange.onWrite();
        latest.writeNumbers(keys.sequence, { sequence, changed });
        latest.write(writes);
      };
    };
    environment.writer.write({ requireWanted: patience(exchange), prepare }).then(() => resolve(made), reject);
  });
}

/** The plan when it needs nothing to be written. Behind changes that wait, it has to wait for them. */
function planWithoutWrites<T>(exchange: Exchange, plan: (view: View) => Plan<T>): Plan<T> | undefined {
  if (exchange.environment.writer.waiting) return undefined;
  return look(exchange, (view) => {
    const made = plan(view);
    return made.writes.length === 0 ? made : undefined;
  });
}

/** Carries out what `plan` makes of the latest state. */
export async function carryOut<T>(exchange: Exchange, plan: (view: View) => Plan<T>): Promise<T> {
  const idle = planWithoutWrites(exchange, plan);
  if (idle !== undefined) return idle.outcome;
  try {
    const { outcome, news } = await write(exchange, plan);
    if (news !== 'none') exchange.environment.notice.touch();
    return outcome;
  } catch (error) {
    throw storeError(error, { ...failureOf(exchange), outcomeUnknown: true });
  }
}
