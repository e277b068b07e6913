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

/** Renews every third of a TTL, at least so many times, and until the last look is over. */
export async function keepAlive({ sleep }: Space, ttlMs: number, times: number, { renew, look }: Life): Promise<void> {
  const life = { rounds: 0, over: false };
  const end = (): void => void (life.over = true);
  const renewing = async (): Promise<void> => {
    for (; !life.over; life.rounds += 1) {
      await sleep(ttlMs / 3);
      await renew();
    }
  };
  const looking = async (): Promise<void> => {
    while (!life.over && life.rounds < times) {
      await look();
      await sleep(ttlMs / 3);
    }
    if (!life.over) await look();
  };
  await Promise.all([renewing().finally(end), looking().finally(end)]);
}
