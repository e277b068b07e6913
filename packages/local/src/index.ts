import type { Backend } from '@autocluster/core/backend';
import { createBackend } from './backend.js';
import { type LocalOptions, readOptions } from './config.js';

export type { LocalOptions } from './config.js';

/**
 * A store for processes of one machine, without a server: they share a folder. Opens the folder at the first call;
 * throws `INVALID_OPTION` for options that cannot be used.
 */
export function local(options: LocalOptions): Backend {
  return createBackend({ config: readOptions(options) });
}
