import type { Counts } from './counting.ts';
import type { Place } from './place.ts';

/**
 * How the lock is taken: by our `withLock`, by etcd3's own lock with polling, by bare transactions and a watch, by Consul's
 * command line.
 */
export type LockWay = 'withLock' | 'etcd3-polling' | 'raw-watch' | 'consul lock';

/** What a worker process is asked, and what it answers. */
export interface Commands {
  'prepare-nodes': {
    ask: { place: Place; cluster: string; names: readonly string[]; joinMs: number };
    answer: undefined;
  };
  'form-cluster': { ask: { atMs: number }; answer: Formed };
  'drop-nodes': { ask: undefined; answer: undefined };
  'form-serially': {
    ask: { place: Place; cluster: string; names: readonly string[]; joinMs: number };
    answer: { tookMs: number };
  };
  'round-trips': { ask: { place: Place; count: number }; answer: { timesMs: readonly number[] } };
  'open-lock': { ask: { place: Place; way: LockWay }; answer: undefined };
  'take-lock': { ask: undefined; answer: { atMs: number } };
  'give-lock': { ask: undefined; answer: { atMs: number } };
  'close-lock': { ask: undefined; answer: undefined };
}

export type CommandName = keyof Commands;

export interface Formed {
  readonly firstStartMs: number;
  readonly lastFormedMs: number;
  readonly exchanges: Counts;
  readonly cpuMs: number;
}

export interface Request<K extends CommandName = CommandName> {
  readonly id: number;
  readonly command: K;
  readonly ask: Commands[K]['ask'];
}

export type Reply =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly error: string }
  | { readonly ready: true };
