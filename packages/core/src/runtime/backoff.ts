export interface BackoffLimits {
  readonly firstMs: number;
  readonly maxMs: number;
}

/**
 * Delay before retry number `attempt` (0 is the first): doubles up to `maxMs`, drawn between half and the whole of it, so
 * that many nodes which failed together do not come back together.
 */
export function backoffMs(attempt: number, { firstMs, maxMs }: BackoffLimits, random: number): number {
  const whole = Math.min(maxMs, firstMs * 2 ** Math.min(attempt, 30));
  return whole / 2 + (whole / 2) * random;
}

/** `periodMs` less up to a tenth, so that nodes which started together do not renew together. Never longer. */
export function jitteredMs(periodMs: number, random: number): number {
  return periodMs * (1 - random / 10);
}
