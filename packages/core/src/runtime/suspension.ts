import type { Clock } from '../backend/index.js';

/** How far the wall clock is ahead of the monotonic one. It grows while the machine is suspended. */
export function wallLeadMs(clock: Clock): number {
  return clock.wallMs() - clock.monotonicMs();
}

/**
 * Notices that the machine was suspended: its monotonic clock stood still then, while the wall clock, and the TTLs in the
 * store, went on. A wall clock that is set forward looks the same, which errs on the safe side.
 */
export interface SuspensionWatch {
  /** Whether the wall clock has gained on the monotonic one since the moment that is trusted. */
  suspected(): boolean;
  /** A request that was sent when the wall clock led by this much has turned out well. */
  trust(leadMs: number): void;
}

/** `toleranceMs`: how long it may have stood unnoticed; asked for each time, since it depends on what was granted last. */
export function watchSuspension(clock: Clock, toleranceMs: () => number, trustedLeadMs: number): SuspensionWatch {
  let trusted = trustedLeadMs;
  return {
    suspected() {
      const lead = wallLeadMs(clock);
      // A wall clock that was set back must not hide a later suspension.
      if (lead < trusted) trusted = lead;
      return lead - trusted > toleranceMs();
    },
    trust(leadMs) {
      trusted = leadMs;
    },
  };
}
