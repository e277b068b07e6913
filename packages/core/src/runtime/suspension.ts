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
  /** By how much the wall clock has gained on the monotonic one since the moment that is trusted, in ms. */
  gainedMs(): number;
  /** A request that was sent when the wall clock led by this much has turned out well. */
  trust(leadMs: number): void;
}

export function watchSuspension(clock: Clock, trustedLeadMs: number = wallLeadMs(clock)): SuspensionWatch {
  let trusted = trustedLeadMs;
  return {
    gainedMs() {
      const lead = wallLeadMs(clock);
      // A wall clock that was set back must not hide a later suspension.
      trusted = Math.min(trusted, lead);
      return lead - trusted;
    },
    trust(leadMs) {
      trusted = leadMs;
    },
  };
}
