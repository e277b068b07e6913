import type { CallOptions } from '@autocluster/core/backend';
import { only, shownKey } from './keys.js';
import type { Released } from './lock.js';
import type { Store } from './registration.js';

/** Opens in this time, and then lasts. */
interface Watched {
  readonly store: Store;
  readonly options: CallOptions;
}

/** Many rings before somebody listens are one. */
class Bell {
  #rung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  async heard(): Promise<void> {
    if (!this.#rung) await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#wake = undefined;
    this.#rung = false;
  }
}

type End = 'ended' | { readonly error: unknown };

async function settle(work: Promise<void>, report: (end: End) => void): Promise<void> {
  try {
    await work;
    report('ended');
  } catch (error) {
    report({ error });
  }
}

/**
 * Says `changed` when members or the record did, once for all changes since it was last asked. From `from` on, or, without
 * it, from the moment at which it opens, which it then reports as a change.
 */
export async function* watch(
  { store, options }: Watched,
  from: bigint | undefined,
): AsyncGenerator<'changed', void, undefined> {
  const { client, layout } = store;
  const bell = new Bell();
  const ranges = [layout.members, only(layout.record)];
  const subject = `${shownKey(layout.members.key)}* and ${shownKey(layout.record)}`;
  let state: 'open' | End = 'open';
  let stop: () => void = () => undefined;
  const following = client.exchange('watch', options, (exchange) => {
    stop = () => exchange.abort(undefined);
    return client.watch(exchange, subject, ranges, from, ({ created, changed }) => {
      if (changed || (created && from === undefined)) bell.ring();
    });
  });
  const settled = settle(following, (end) => {
    state = end;
    bell.ring();
  });
  const ongoing = (): boolean => {
    if (typeof state === 'object' && !options.signal.aborted) throw state.error;
    return state === 'open' && !options.signal.aborted;
  };
  try {
    for (;;) {
      await bell.heard();
      if (!ongoing()) return;
      yield 'changed';
      if (!ongoing()) return;
    }
  } finally {
    stop();
    await settled;
  }
}

/** Watches the holder's key, once it is asked for; settles when that is gone, and when the watch ends for any reason. */
export const releasedIn =
  ({ store, options }: Watched): Released =>
  (holder, from) =>
  async (signal) => {
    const { client } = store;
    const subject = shownKey(holder.key);
    await client
      .exchange('lock', { ...options, signal }, (exchange) =>
        client.watch(exchange, subject, [only(holder.key)], from, ({ deleted }) => {
          if (deleted) exchange.abort(undefined);
        }),
      )
      .catch(() => undefined);
  };
