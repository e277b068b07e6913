import type { Backend } from '@autocluster/core/backend';
import { EtcdBackend } from './backend.js';
import { type EtcdOptions, parseOptions } from './config.js';
import { Etcd3Transport } from './etcd3-transport.js';

export type { EtcdOptions, EtcdTlsOptions } from './config.js';

/**
 * A cluster's members, locks and record in etcd (API v3).
 *
 * Nothing is connected before the first verb. Throws `INVALID_OPTION` (TypeError or RangeError) for options that cannot be
 * used, unknown ones included.
 */
export function etcd(options: EtcdOptions): Backend {
  const config = parseOptions(options);
  return new EtcdBackend(config, (host) => new Etcd3Transport(host, config.tls));
}
