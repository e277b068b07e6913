import type { ClusterDriver } from '@autocluster/core/driver';
import type { Daemons } from './daemons.js';

/** What switches cases for drivers on. */
export const DRIVER_NEEDS = {
  durable: ({ data }: ClusterDriver) => data === 'durable',
  peer: ({ views }: ClusterDriver) => views === 'peer',
  leave: (driver: ClusterDriver) => 'leave' in driver && driver.views === 'peer',
  concurrentJoins: ({ concurrentJoins }: ClusterDriver) => concurrentJoins,
} as const;

export type DriverNeed = keyof typeof DRIVER_NEEDS;

/** One question to a driver. */
export interface DriverCase {
  /** Never given to another question, e.g. `DRV-007`. */
  readonly id: string;
  readonly sentence: string;
  readonly protects: readonly string[];
  readonly needs: readonly DriverNeed[];
  readonly ask: (daemons: Daemons) => Promise<void>;
}
