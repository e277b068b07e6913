import type { Lease } from './lease.js';

interface Sighting {
  readonly uid: string;
  readonly resourceVersion: string;
  /** When this state was first seen, on the monotonic clock. */
  readonly sinceMs: number;
}

/**
 * Since when Leases have not changed before our eyes. Times that stand in a Lease are of somebody else's clock, so a holder
 * counts as dead only when the Lease was the same for its whole duration as we watched.
 */
export class Sightings {
  readonly #seen = new Map<string, Sighting>();

  /** Notes a Lease whose answer arrived at `nowMs`. */
  see({ name, uid, resourceVersion }: Lease, nowMs: number): void {
    const before = this.#seen.get(name);
    if (before?.uid === uid && before.resourceVersion === resourceVersion) return;
    this.#seen.set(name, { uid, resourceVersion, sinceMs: nowMs });
  }

  /** For how long it is proved to be as it is, if it was so in an answer whose request was sent at `askedAtMs`. */
  unchangedMs({ name, uid, resourceVersion }: Lease, askedAtMs: number): number {
    const seen = this.#seen.get(name);
    const isSame = seen?.uid === uid && seen.resourceVersion === resourceVersion;
    return isSame ? Math.max(0, askedAtMs - seen.sinceMs) : 0;
  }

  /** Forgets what is not there any more. */
  keepOnly(names: ReadonlySet<string>): void {
    for (const name of this.#seen.keys()) if (!names.has(name)) this.#seen.delete(name);
  }
}

/** Shorter gaps are of no interest: no Lease lasts less than a second. */
const SHORTEST_GAP_MS = 500;

interface Gap {
  readonly endMs: number;
  readonly lengthMs: number;
}

/** When the store has answered: a silence of others means something only where the store could be heard all the time. */
export class Contact {
  /** Each is shorter than the one before it. */
  #gaps: Gap[] = [];
  #firstMs: number | undefined;
  #lastMs = 0;

  answered(nowMs: number): void {
    const lengthMs = nowMs - this.#lastMs;
    if (this.#firstMs !== undefined && lengthMs >= SHORTEST_GAP_MS) {
      this.#gaps = [...this.#gaps.filter((gap) => gap.lengthMs > lengthMs), { endMs: nowMs, lengthMs }];
    }
    this.#firstMs ??= nowMs;
    this.#lastMs = nowMs;
  }

  /** For how long there was no gap longer than that. */
  withoutGapMs(longestMs: number, nowMs: number): number {
    if (this.#firstMs === undefined || nowMs - this.#lastMs > longestMs) return 0;
    const gap = this.#gaps.findLast(({ lengthMs }) => lengthMs > longestMs);
    return Math.max(0, nowMs - (gap?.endMs ?? this.#firstMs));
  }
}
