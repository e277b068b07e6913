import { type CallOptions, ClusterError, isClusterError } from '@autocluster/core/backend';
import { onAbort, type Runtime } from '@autocluster/core/runtime';
import type { Random } from '../time/index.js';
import type { ClientFaults, Fault, FaultRules, FaultScope, Trouble, Verb } from './faults.js';

/** A fixed time in ms, or one that is drawn anew each time from a range. */
export type Span = number | readonly [fromMs: number, toMs: number];

export interface Latency {
  /** How long a request is on its way. Default 0. */
  readonly requestMs?: Span;
  /** How long the answer is on its way. Default 0. */
  readonly replyMs?: Span;
}

export interface LineOptions {
  /** True time: requests travel in it. */
  readonly world: Runtime;
  /** The client's process: answers arrive in it, and wait while it is halted. */
  readonly own: Runtime;
  readonly latency: Latency;
  readonly random: Random;
  /** Own faults first, then those of the whole store. */
  readonly rules: readonly [own: FaultRules, all: FaultRules];
}

function abortError(verb: Verb, reason: unknown): ClusterError {
  if (isClusterError(reason)) return reason;
  return new ClusterError('ABORTED', `${verb} was aborted`, { operation: verb, cause: reason });
}

const closedError = (verb: Verb) =>
  new ClusterError('CLOSED', `${verb} on a closed memory store client`, { operation: verb });

const asError = (verb: Verb, error: unknown): Error =>
  error instanceof Error ? error : new ClusterError('STORE_FAILED', String(error), { operation: verb, cause: error });

/** What one request does when it arrives, with the faults that change its answer. */
export type Work<T> = (faults: readonly Fault[]) => T;

type Bounds = Pick<CallOptions, 'signal' | 'timeoutMs'>;

/** The way between one client and the store: how long it takes, and what gets lost on it. */
export class Line implements ClientFaults {
  readonly #options: LineOptions;
  /** Rejects what is under way with `CLOSED`. */
  readonly #underWay = new Set<() => void>();
  readonly #watches = new Set<(error: ClusterError | undefined) => void>();
  #heldBack: (() => void)[] = [];
  #paused = false;
  #closed = false;

  constructor(options: LineOptions) {
    this.#options = options;
  }

  get closed(): boolean {
    return this.#closed;
  }

  inject(fault: Fault & FaultScope): () => void {
    return this.#options.rules[0].inject(fault);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    const arrived = this.#heldBack;
    this.#heldBack = [];
    for (const deliver of arrived) deliver();
  }

  breakWatches(): void {
    for (const end of this.#watches)
      end(new ClusterError('STORE_UNREACHABLE', 'the watch broke', { operation: 'watch' }));
  }

  clear(): void {
    this.#options.rules[0].clear();
    this.resume();
  }

  close(): void {
    this.#closed = true;
    for (const end of this.#watches) end(undefined);
    for (const reject of this.#underWay) reject();
    this.#heldBack = [];
  }

  /** Ends `end` with the line, or with an error when the watches break. */
  keepWatch(end: (error: ClusterError | undefined) => void): () => void {
    this.#watches.add(end);
    return () => void this.#watches.delete(end);
  }

  strike(verb: Verb): Trouble | undefined {
    const [own, all] = this.#options.rules;
    return all.strike(verb, own.strike(verb));
  }

  /** Runs `deliver` in the client once an answer that leaves the store now has arrived. */
  reply(extraMs: number, deliver: () => void): void {
    const arrive = () => {
      if (this.#paused) this.#heldBack.push(deliver);
      else deliver();
    };
    const replyMs = this.#draw(this.#options.latency.replyMs) + extraMs;
    if (replyMs > 0) this.#options.own.after(replyMs, arrive);
    else arrive();
  }

  /** One request and its answer. Settles by the signal, or after `timeoutMs`, when the answer does not come. */
  exchange<T>(verb: Verb, bounds: Bounds, work: Work<T>): Promise<T> {
    if (this.#closed) return Promise.reject(closedError(verb));
    if (bounds.signal.aborted) return Promise.reject(abortError(verb, bounds.signal.reason));
    const { requestMs, replyMs } = this.#options.latency;
    const trouble = this.strike(verb);
    if (trouble || requestMs !== undefined || replyMs !== undefined || this.#paused) {
      return this.#travel(verb, bounds, work, trouble);
    }
    try {
      return Promise.resolve(work([]));
    } catch (error) {
      return Promise.reject(asError(verb, error));
    }
  }

  #travel<T>(verb: Verb, { signal, timeoutMs }: Bounds, work: Work<T>, trouble: Trouble | undefined): Promise<T> {
    const { world, own, latency } = this.#options;
    return new Promise((resolve, reject) => {
      const finish = () => {
        cancelTimeout();
        letGo();
        this.#underWay.delete(onClose);
      };
      const fail = (error: unknown) => {
        finish();
        reject(asError(verb, error));
      };
      const onClose = () => fail(closedError(verb));
      const timedOut = () =>
        new ClusterError('TIMEOUT', `${verb} got no answer in ${timeoutMs} ms`, { operation: verb });
      const cancelTimeout = own.after(timeoutMs, () => fail(timedOut()));
      const letGo = onAbort(signal, (reason) => fail(abortError(verb, reason)));
      this.#underWay.add(onClose);
      const arrive = () => {
        const answer = attempt(verb, work, trouble);
        const again = trouble?.duplicateAfterMs;
        if (again !== undefined) world.after(again, () => void attempt(verb, work, trouble));
        if (trouble?.dropReply || !this.#underWay.has(onClose)) return;
        this.reply(trouble?.replyDelayMs ?? 0, () => {
          if ('error' in answer) return fail(answer.error);
          finish();
          resolve(answer.value);
        });
      };
      if (trouble?.dropRequest) return;
      const requestMs = this.#draw(latency.requestMs) + (trouble?.requestDelayMs ?? 0);
      if (requestMs > 0) world.after(requestMs, arrive);
      else arrive();
    });
  }

  #draw(span: Span | undefined): number {
    if (span === undefined) return 0;
    return typeof span === 'number' ? span : this.#options.random.between(span[0], span[1]);
  }
}

type Answer<T> = { readonly value: T } | { readonly error: unknown };

/** What the store does with a request that has arrived. */
function attempt<T>(verb: Verb, work: Work<T>, trouble: Trouble | undefined): Answer<T> {
  const failure = trouble?.fail;
  try {
    const value = failure && !failure.applied ? undefined : { value: work(trouble?.answer ?? []) };
    if (value && !failure) return value;
  } catch (error) {
    return { error };
  }
  const code = failure?.code ?? 'STORE_FAILED';
  const outcomeUnknown = failure?.applied ? { outcomeUnknown: true } : {};
  return { error: new ClusterError(code, `injected into ${verb}`, { operation: verb, ...outcomeUnknown }) };
}
