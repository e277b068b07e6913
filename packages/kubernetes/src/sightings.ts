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

/** A time without a word from the store after which nobody can say what happened meanwhile. */
const UNHEARD_MS = 60_000;

/** Since when the store has answered without interruption: only then does a silence of others mean something. */
export class Contact {
  #sinceMs: number | undefined;
  #lastMs = 0;

  answered(nowMs: number): void {
    if (this.#sinceMs === undefined || nowMs - this.#lastMs > UNHEARD_MS) this.#sinceMs = nowMs;
    this.#lastMs = nowMs;
  }

  failed(): void {
    this.#sinceMs = undefined;
  }

  lastsMs(nowMs: number): number {
    const isUnheard = this.#sinceMs === undefined || nowMs - this.#lastMs > UNHEARD_MS;
    return isUnheard ? 0 : Math.max(0, nowMs - (this.#sinceMs ?? nowMs));
  }
}
