import { isClusterError, signalProblem } from '../errors/index.js';
import { type Logger, onAbort } from '../runtime/index.js';

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

interface Listener {
  push(event: ClusterEvent): void;
  end(): void;
}

/** Runs code of the user, whose failure must change nothing: not even a log whose disk is full. */
function attempt(run: () => void, onError: (error: unknown) => void = () => undefined): void {
  try {
    run();
  } catch (error) {
    attempt(() => onError(error));
  }
}

/** One synchronous callback, and any number of bounded streams that say how much they had to drop. */
export function createEventHub(
  now: () => string,
  logger: Logger,
  onEvent: ((event: ClusterEvent) => void) | undefined,
): EventHub {
  const listeners = new Set<Listener>();
  const counted = new Map<EventName, number>();
  let ended = false;

  function tell(event: ClusterEvent): void {
    counted.set(event.name, (counted.get(event.name) ?? 0) + 1);
    const level = ALARMING.has(event.name) ? 'warn' : 'info';
    attempt(() => logger[level]({ ...event.data, event: event.name }, event.name));
    attempt(
      () => onEvent?.(event),
      (error) => {
        const text = isClusterError(error) ? error.message : String(error);
        logger.error({ event: event.name, error: text }, 'onEvent threw');
      },
    );
    for (const listener of listeners) listener.push(event);
  }

  return {
    get counters() {
      return Object.fromEntries(counted);
    },
    emit: (name, data = {}) => tell({ name, at: now(), data }),
    stream({ signal, buffer = DEFAULT_BUFFER } = {}) {
      const problem = signalProblem(signal);
      if (problem) throw problem;
      return stream(listeners, { signal, buffer, now, isEnded: () => ended });
    },
    end() {
      ended = true;
      for (const listener of listeners) listener.end();
    },
  };
}

interface StreamOptions {
  readonly signal: AbortSignal | undefined;
  readonly buffer: number;
  readonly now: () => string;
  readonly isEnded: () => boolean;
}

async function* stream(listeners: Set<Listener>, options: StreamOptions): AsyncGenerator<ClusterEvent> {
  const { signal, buffer, now } = options;
  const waiting: ClusterEvent[] = [];
  let dropped = 0;
  let ended = options.isEnded() || signal?.aborted === true;
  let wake = () => undefined as void;
  const end = () => {
    ended = true;
    wake();
  };
  const listener: Listener = {
    push(event) {
      waiting.push(event);
      if (waiting.length > buffer) {
        waiting.shift();
        dropped += 1;
      }
      wake();
    },
    end,
  };
  listeners.add(listener);
  const letGo = signal ? onAbort(signal, end) : () => undefined;
  try {
    while (true) {
      if (dropped > 0) {
        const count = dropped;
        dropped = 0;
        yield { name: 'events.dropped', at: now(), data: { count } };
      }
      const event = waiting.shift();
      if (event) yield event;
      else if (ended) return;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    letGo();
    listeners.delete(listener);
  }
}
