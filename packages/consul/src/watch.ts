import type { CallOptions } from '@autocluster/core/backend';
import type { Exchange } from './exchange.js';
import type { Released } from './lock.js';
import type { Store } from './store.js';

/** Opens in this time, and then lasts. */
interface Watched {
  readonly store: Store;
  readonly options: CallOptions;
}

/** How long one question for a change may stay open: a connection that died without a sign is noticed after it. */
const WAIT_MS = 30_000;

/** Settles as soon as the caller is gone, since nothing but the end of an exchange ends a question of it. */
async function followed(exchange: Exchange, question: Promise<bigint>): Promise<bigint | undefined> {
  try {
    return await question;
  } catch (error) {
    if (exchange.signal.aborted) return undefined;
    throw error;
  }
}

/**
 * Says `changed` when members or the record did. From `first` on, or, without it, from the moment at which it opens, which it
 * then reports as a change. Asks only while somebody listens: what happens in between is one change.
 */
export async function* watch(
  { store, options }: Watched,
  first: bigint | undefined,
): AsyncGenerator<'changed', void, undefined> {
  const { client, layout } = store;
  const { clock } = options;
  let stop: () => void = () => undefined;
  let seen = first ?? 0n;
  let from = seen;
  let cutShort = 0;
  const ask = (): Promise<bigint | undefined> =>
    client.exchange('watch', options, (exchange) => {
      stop = () => exchange.abort(undefined);
      return followed(exchange, store.changed(exchange, layout.state, from, WAIT_MS));
    });
  try {
    for (;;) {
      const askedAtMs = clock.monotonicMs();
      const index = await ask();
      if (index === undefined || options.signal.aborted) return;
      // A server whose store is exchanged for a snapshot ends the questions that wait, with the index of before.
      const isCutShort = from > 0n && index === seen && clock.monotonicMs() - askedAtMs < WAIT_MS;
      const isChange = index !== seen;
      if (isCutShort) cutShort += 1;
      else if (isChange || from > 0n) cutShort = 0;
      // Nothing makes these questions wait. Whoever opens the next watch knows how long to pause before it.
      if (cutShort > 1) return;
      // An index that went back belongs to another history: the next question must not wait for the old one.
      from = isCutShort || index < seen ? 0n : index;
      seen = index;
      if (isChange) yield 'changed';
    }
  } finally {
    stop();
  }
}

/** Waits for a change of the holder's key, once it is asked for; settles when there is one, and for any other reason. */
export const releasedIn =
  ({ store, options }: Watched): Released =>
  (key, from) =>
  async (signal) => {
    await store.client
      .exchange('lock', { ...options, signal }, (exchange) => store.changed(exchange, key, from, WAIT_MS))
      .catch(() => undefined);
  };
