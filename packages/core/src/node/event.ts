import { requireWhole, signalProblem, textOf } from '../errors/index.js';
import type { Logger } from '../runtime/index.js';
import { EventStream } from './event-stream.js';

export const EVENT_NAMES = [
  'state.changed',
  'view.changed',
  'registration.made',
  'registration.lost',
  'registration.removed',
  'lock.acquired',
  'lock.lost',
  'lock.released',
  'record.committed',
  'record.missing',
  'record.restored',
  'record.superseded',
  'record.unreadable',
  'store.lost',
  'store.back',
  'store.changed',
  'store.reverted',
  'store.skipped',
  'split.seen',
  'health.changed',
  'cleanup.executor',
  'cleanup.plan',
  'cleanup.removed',
  'cleanup.refused',
  'cleanup.failed',
  'cleanup.unfinished',
  'events.dropped',
] as const;
export type EventName = (typeof EVENT_NAMES)[number];

export interface ClusterEvent {
  readonly name: EventName;
  /** ISO 8601, for people. */
  readonly at: string;
  readonly data: Readonly<Record<string, unknown>>;
}

const ALARMING: ReadonlySet<EventName> = new Set([
  'registration.lost',
  'lock.lost',
  'record.missing',
  'record.unreadable',
  'store.lost',
  'store.changed',
  'store.reverted',
  'split.seen',
  'cleanup.removed',
  'cleanup.failed',
  'cleanup.unfinished',
  'events.dropped',
]);

export interface EventHub {
  /** How often each event was emitted. */
  readonly counters: Readonly<Partial<Record<EventName, number>>>;
  emit(name: EventName, data?: Readonly<Record<string, unknown>>): void;
  stream(options?: {
    readonly signal?: AbortSignal | undefined;
    readonly buffer?: number | undefined;
  }): AsyncIterable<ClusterEvent>;
  /** Ends every stream once its buffer is read. */
  end(): void;
}

const DEFAULT_BUFFER = 1_000;

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';

/** Runs somebody else's code, of which nothing depends: it may throw, and it may be an async function. */
function tryOut(run: () => unknown, failed: (error: unknown) => void): void {
  try {
    const returned = run();
    if (isThenable(returned)) returned.then(undefined, failed);
  } catch (error) {
    failed(error);
  }
}

/** One synchronous callback, and any number of bounded streams that say how much they had to drop. */
export function createEventHub(
  now: () => string,
  logger: Logger,
  onEvent: ((event: ClusterEvent) => unknown) | undefined,
): EventHub {
  const streams = new Set<EventStream<ClusterEvent>>();
  const counted = new Map<EventName, number>();
  let ended = false;

  function log(level: keyof Logger, fields: object, text: string): void {
    // There is nobody left to tell.
    tryOut(
      () => logger[level](fields, text),
      () => undefined,
    );
  }

  function tell(event: ClusterEvent): void {
    const { name: told } = event;
    counted.set(told, (counted.get(told) ?? 0) + 1);
    log(ALARMING.has(told) ? 'warn' : 'info', { ...event.data, event: told }, told);
    tryOut(
      () => onEvent?.(event),
      (error) => {
        log('error', { event: told, error: textOf(error) }, 'onEvent threw');
      },
    );
    for (const stream of streams) stream.push(event);
  }

  return {
    get counters() {
      return Object.fromEntries(counted);
    },
    emit: (name, data = {}) => tell({ name, at: now(), data }),
    stream({ signal, buffer = DEFAULT_BUFFER } = {}) {
      const problem = signalProblem(signal);
      if (problem) throw problem;
      if (buffer !== Number.POSITIVE_INFINITY) requireWhole('buffer', buffer, { min: 1, max: Number.MAX_SAFE_INTEGER });
      const dropped = (count: number): ClusterEvent => ({ name: 'events.dropped', at: now(), data: { count } });
      const onEnd = (each: EventStream<ClusterEvent>) => void streams.delete(each);
      const stream = new EventStream({ signal, buffer, dropped, onEnd });
      if (ended) stream.end();
      else if (signal?.aborted !== true) streams.add(stream);
      return stream;
    },
    end() {
      ended = true;
      for (const stream of streams) stream.end();
    },
  };
}
