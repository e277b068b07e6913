import { readFileSync } from 'node:fs';
import { ClusterError } from '@autocluster/core/backend';

const BOOT_ID_FILE = '/proc/sys/kernel/random/boot_id';

/**
 * Names this run of the machine, the same in all its processes. Outside Linux there is no such name to be had: there a
 * lease of an earlier boot is told by the clock that it counts on, which began again at zero (see `isLive`).
 */
export function bootId(platform: NodeJS.Platform = process.platform, file = BOOT_ID_FILE): string {
  if (platform !== 'linux') return 'any-boot';
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (cause) {
    // A made-up id would end the leases of every process that can read the real one.
    const text = `${file} cannot be read, and without it leases of an earlier boot cannot be told`;
    throw new ClusterError('STORE_FAILED', text, { retryable: false, outcomeUnknown: false, cause });
  }
}
