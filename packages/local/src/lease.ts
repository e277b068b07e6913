/** The part of an entry that ends by itself. */
export interface Lease {
  /** Number of the write that made the entry: its creation order, and the token of a lock. */
  readonly order: bigint;
  /** The boot whose clock `expiresAtMs` counts on. */
  readonly boot: string;
  readonly ttlMs: number;
  /** On the machine's monotonic clock. */
  readonly expiresAtMs: number;
}

/** The machine's time at one moment. */
export interface Moment {
  readonly nowMs: number;
  readonly boot: string;
}

export const TTL = { minMs: 100, maxMs: 86_400_000, stepMs: 1 } as const;

/**
 * How far beyond its own TTL a lease may seem to end. More than that was written on the clock of another boot, whose id
 * could not be told, or by somebody who means harm.
 */
const CLOCK_SLACK_MS = 60_000;
const HEADER = /^(\d{1,16}) ([\w-]{1,64}) (\d{1,8}) (\d{1,16}(?:\.\d{1,16})?)\n/;

export function grantedTtlMs(askedMs: number): number {
  const wholeMs = Math.ceil(askedMs);
  return wholeMs >= TTL.minMs ? Math.min(wholeMs, TTL.maxMs) : TTL.minMs;
}

export function newLease(order: bigint, askedMs: number, { nowMs, boot }: Moment): Lease {
  const ttlMs = grantedTtlMs(askedMs);
  return { order, boot, ttlMs, expiresAtMs: nowMs + ttlMs };
}

/** Whether the lease is in force: not one of an earlier boot, and not expired. */
export function isLive(lease: Lease, { nowMs, boot }: Moment): boolean {
  const leftMs = lease.expiresAtMs - nowMs;
  return lease.boot === boot && leftMs > 0 && leftMs <= lease.ttlMs + CLOCK_SLACK_MS;
}

/** An entry's value: one line for the lease, then the entry's own text. */
export function withLease({ order, boot, ttlMs, expiresAtMs }: Lease, text: string): string {
  return `${order} ${boot} ${ttlMs} ${expiresAtMs.toFixed(3)}\n${text}`;
}

/** Undefined when the value has no lease that we could have written. */
export function splitLease(value: string): { readonly lease: Lease; readonly text: string } | undefined {
  const [header, order, boot, ttl, expires] = HEADER.exec(value) ?? [];
  if (header === undefined || order === undefined || boot === undefined) return undefined;
  const ttlMs = Number(ttl);
  if (ttlMs > TTL.maxMs) return undefined;
  const lease = { order: BigInt(order), boot, ttlMs, expiresAtMs: Number(expires) };
  return { lease, text: value.slice(header.length) };
}
