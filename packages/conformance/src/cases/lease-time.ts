import type { Bound } from '@autocluster/core/backend';
import type { Space } from '../space/space.js';

/** How late a look may come on a machine that has other things to do. */
export const LATE_MS = 3000;

export const boundMs = ({ timesTtl, plusMs }: Bound, ttlMs: number): number => timesTtl * ttlMs + plusMs;

interface Life {
  readonly renew: () => Promise<unknown>;
  /** Asked again and again meanwhile; it delays no renewal, however long it takes. */
  readonly look: () => Promise<unknown>;
}

/** Renews every third of a TTL, so many times. */
export async function keepAlive({ sleep }: Space, ttlMs: number, times: number, { renew, look }: Life): Promise<void> {
  const renewals = { over: false };
  const renewing = async (): Promise<void> => {
    for (let round = 0; round < times; round += 1) {
      await sleep(ttlMs / 3);
      await renew();
    }
  };
  const looking = async (): Promise<void> => {
    while (!renewals.over) {
      await look();
      await sleep(ttlMs / 3);
    }
  };
  await Promise.all([renewing().finally(() => void (renewals.over = true)), looking()]);
}
