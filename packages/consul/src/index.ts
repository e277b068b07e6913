import type { Backend } from '@autocluster/core/backend';
import { ConsulBackend } from './backend.js';
import { type ConsulOptions, parseOptions } from './config.js';
import { ConsulTransport } from './consul-transport.js';

export type { ConsulAddress, ConsulOptions, ConsulTlsOptions } from './config.js';

/**
 * A cluster's members, locks and record in Consul. Members are services of the local agent, so that DNS, the UI and
 * templates see them.
 *
 * Nothing is connected before the first verb. Throws `INVALID_OPTION` (TypeError or RangeError) for options that cannot be
 * used, unknown ones included.
 */
export function consul(options: ConsulOptions): Backend {
  const config = parseOptions(options);
  return new ConsulBackend(config, (host) => new ConsulTransport(host, config));
}
