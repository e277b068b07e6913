import { type CallOptions, ClusterError } from '@autocluster/core/backend';
import { onAbort } from '@autocluster/core/runtime';
import type { Line } from './line.js';

/** Calls a listener at every change of one cluster, until it is let go. */
export type Subscribe = (listener: () => void) => () => void;

type Step = IteratorResult<'changed', undefined>;

/** One open watch. Changes that nobody has asked for yet are told once. */
export class ChangeIterator implements AsyncIterator<'changed', undefined> {
  readonly #stop: () => void;
  #pending = false;
  #onWay = false;
  #ended = false;
  #failure: ClusterError | undefined;
  #wake: (() => void) | undefined;

  constructor(line: Line, subscribe: Subscribe, { signal }: CallOptions) {
    const trouble = line.strike('watch');
    const isDeaf = trouble?.dropRequest === true || trouble?.dropReply === true;
    const unsubscribe = subscribe(() => {
      if (this.#onWay || isDeaf) return;
      this.#onWay = true;
      line.reply(trouble?.replyDelayMs ?? 0, () => this.#arrive());
    });
    const letLineGo = line.keepWatch((error) => this.#end(error));
    let letSignalGo = () => undefined as void;
    this.#stop = () => {
      unsubscribe();
      letLineGo();
      letSignalGo();
    };
    letSignalGo = onAbort(signal, () => this.#end(undefined));
    if (line.closed)
      this.#end(new ClusterError('CLOSED', 'watch on a closed memory store client', { operation: 'watch' }));
    if (trouble?.fail) this.#end(new ClusterError(trouble.fail.code, 'injected into watch', { operation: 'watch' }));
  }

  async next(): Promise<Step> {
    while (!this.#pending && !this.#ended) await new Promise<void>((resolve) => void (this.#wake = resolve));
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure) throw failure;
    if (this.#ended) return { done: true, value: undefined };
    this.#pending = false;
    return { done: false, value: 'changed' };
  }

  return(): Promise<Step> {
    this.#end(undefined);
    return Promise.resolve({ done: true, value: undefined });
  }

  #arrive(): void {
    this.#onWay = false;
    this.#pending = true;
    this.#wake?.();
  }

  #end(error: ClusterError | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#failure = error;
    this.#stop();
    this.#wake?.();
  }
}
