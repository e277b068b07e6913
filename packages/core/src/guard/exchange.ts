import { ClusterError, type ErrorCode } from '../errors/index.js';
import { onAbort, type Runtime } from '../runtime/index.js';
import { fromAbort, fromForeign } from './foreign-error.js';

export interface ExchangeOptions<Answer> {
  readonly runtime: Runtime;
  readonly operation: string;
  readonly timeoutMs: number;
  readonly parent: AbortSignal | undefined;
  /** The code of failures that have no better one. */
  readonly fallback: ErrorCode;
  readonly start: (signal: AbortSignal) => Promise<unknown>;
  /** The answer, copied; throws when it is not allowed. Also asked about answers that come too late. */
  readonly check: (answer: unknown) => Answer;
}

export type Settled<Answer> =
  | { readonly kind: 'answered'; readonly answer: Answer }
  | { readonly kind: 'failed'; readonly error: ClusterError };

/** One call of foreign code. */
export interface Exchange<Answer> {
  /** Settles with the answer, or at once when the time is up or a parent aborts. */
  readonly delivered: Promise<Answer>;
  /** Settles when the foreign code has, after `delivered`. Never rejects; with foreign code that hangs it never settles. */
  readonly settled: Promise<Settled<Answer>>;
  /** Whether the caller got the foreign code's own answer. Final once `settled` has. */
  readonly adopted: () => boolean;
  readonly abort: (reason: unknown) => void;
}

async function settle<Answer>(options: ExchangeOptions<Answer>, signal: AbortSignal): Promise<Settled<Answer>> {
  const { operation, fallback } = options;
  try {
    if (signal.aborted) return { kind: 'failed', error: fromAbort(signal.reason, operation, false) };
    return { kind: 'answered', answer: options.check(await options.start(signal)) };
  } catch (thrown) {
    const isAbort = signal.aborted && thrown === signal.reason;
    const error = isAbort ? fromAbort(thrown, operation, true) : fromForeign(thrown, operation, fallback);
    return { kind: 'failed', error };
  }
}

const NOTHING = (): void => undefined;

/** Calls foreign code with a time limit folded into its signal, and settles the caller whatever that code does. */
export function exchange<Answer>(options: ExchangeOptions<Answer>): Exchange<Answer> {
  const { runtime, operation, timeoutMs, parent } = options;
  // No listener on this signal: exchanges are many, and listeners are slow.
  const controller = new AbortController();
  const { signal } = controller;
  if (parent?.aborted === true) controller.abort(parent.reason);
  const neverBegan = signal.aborted;
  const settled = settle(options, signal);
  let adopted = false;
  let abort: (reason: unknown) => void = NOTHING;
  const delivered = new Promise<Answer>((resolve, reject) => {
    if (neverBegan) return reject(fromAbort(signal.reason, operation, false));
    let ended = false;
    let letGo = NOTHING;
    const end = () => {
      ended = true;
      cancelTimer();
      letGo();
    };
    abort = (reason) => {
      if (ended) return;
      end();
      controller.abort(reason);
      reject(fromAbort(reason, operation, true));
    };
    const expire = () =>
      abort(new ClusterError('TIMEOUT', `${operation} took longer than ${timeoutMs} ms`, { operation }));
    const cancelTimer = runtime.after(timeoutMs, expire);
    if (parent !== undefined) letGo = onAbort(parent, abort);
    const deliver = (result: Settled<Answer>): void => {
      if (ended) return;
      end();
      if (result.kind === 'failed') return reject(result.error);
      adopted = true;
      resolve(result.answer);
    };
    void settled.then(deliver);
  });
  return { delivered, settled, adopted: () => adopted, abort };
}
