import { setTimeout as delay } from 'node:timers/promises';

export interface PollOptions {
  readonly withinMs?: number;
  readonly everyMs?: number;
  readonly signal?: AbortSignal;
}

type Seen<T> = Exclude<T, false | undefined>;

const isSeen = <T>(value: T): value is Seen<T> => value !== undefined && value !== false;

/** Repeats `look` until it answers something other than undefined or false. An error counts as "not yet". */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  { withinMs = 10_000, everyMs = 20, signal }: PollOptions = {},
): Promise<Seen<Awaited<T>>> {
  const deadline = performance.now() + withinMs;
  let lastError: unknown;
  for (;;) {
    signal?.throwIfAborted();
    try {
      const seen = await look();
      if (isSeen(seen)) return seen;
    } catch (error) {
      lastError = error;
    }
    if (performance.now() >= deadline) {
      throw new Error(`not seen within ${withinMs} ms: ${what}`, { cause: lastError });
    }
    await delay(everyMs, undefined, signal ? { signal } : {});
  }
}

/** One GET that never outlives `withinMs`, so that a paused server costs one poll and not the whole wait. */
export async function answers(url: string, withinMs = 1000): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(withinMs) });
  await response.arrayBuffer();
  return response.ok;
}
