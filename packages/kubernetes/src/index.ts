import type { Backend } from '@autocluster/core/backend';
import { directAccess } from './access.js';
import { KubernetesBackend } from './backend.js';
import { KubernetesClient } from './client.js';
import { type KubernetesOptions, parseOptions } from './config.js';
import { kubeconfigAccess } from './kubeconfig.js';

export type { KubernetesOptions, KubernetesTlsOptions, PlatformMembers, PodReference } from './config.js';

/**
 * A cluster's members, locks and record in Kubernetes: Leases, and on demand the pods of a Service as members.
 *
 * Nothing is connected or read before the first verb. Throws `INVALID_OPTION` (TypeError or RangeError) for options that
 * cannot be used, unknown ones included.
 */
export function kubernetes(options: KubernetesOptions): Backend {
  const config = parseOptions(options);
  const { access } = config;
  const source = access.kind === 'direct' ? directAccess(access) : kubeconfigAccess(access);
  return new KubernetesBackend(config, new KubernetesClient(source));
}
