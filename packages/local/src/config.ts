import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { invalidType, requireKnown, requireName, requireText, requireWhole } from '@autocluster/core/backend';

export interface LocalOptions {
  /** Name of the cluster: 1 to 253 bytes without control characters or slash. Clusters of one folder do not see one another. */
  readonly cluster: string;
  /**
   * Folder of the store, shared by all processes of the cluster; made when it does not exist, readable by its owner only.
   * Must be on a file system of this machine: a network file system corrupts the store.
   *
   * Default: `autocluster` in the user's folder for state: `$XDG_STATE_HOME` or `~/.local/state`; on macOS
   * `~/Library/Application Support`; on Windows `%LOCALAPPDATA%`.
   */
  readonly folder?: string;
  /**
   * Bytes that all live entries of the folder may take together. A write that would add an entry beyond it rejects
   * `STORE_FULL`; renewals, releases and removals never do. From 65 536 (64 KiB) to 1 099 511 627 776 (1 TiB).
   *
   * Default: 67 108 864 (64 MiB), enough for about 100 000 registrations.
   */
  readonly maxBytes?: number;
}

export interface LocalConfig {
  readonly cluster: string;
  readonly folder: string;
  readonly maxBytes: number;
}

const OPTIONS = ['cluster', 'folder', 'maxBytes'];
const MAX_BYTES = { min: 65_536, max: 1_099_511_627_776, unit: 'bytes' };

/** The user's folder for state that outlives a reboot, by the conventions of the platform. */
export function defaultFolder(
  platform: NodeJS.Platform = process.platform,
  environment: NodeJS.ProcessEnv = process.env,
): string {
  if (platform === 'win32') {
    return join(environment['LOCALAPPDATA'] || join(homedir(), 'AppData', 'Local'), 'autocluster');
  }
  if (platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'autocluster');
  return join(environment['XDG_STATE_HOME'] || join(homedir(), '.local', 'state'), 'autocluster');
}

/** Checks the options; throws `INVALID_OPTION`. Touches no file. */
export function readOptions(options: LocalOptions): LocalConfig {
  if (typeof options !== 'object' || options === null) throw invalidType('options', options, 'an object');
  requireKnown(options, OPTIONS, 'local()');
  const { cluster, folder = defaultFolder(), maxBytes = 67_108_864 } = options;
  return {
    cluster: requireName('cluster', cluster),
    folder: resolve(requireText('folder', folder)),
    maxBytes: requireWhole('maxBytes', maxBytes, MAX_BYTES),
  };
}
