import { setTimeout as delay } from 'node:timers/promises';
import type { Backend, CallOptions } from '@autocluster/core/backend';
import { systemRuntime } from '@autocluster/core/runtime';
import { consul } from '@autocluster/consul';
import { etcd } from '@autocluster/etcd';
import { local } from '@autocluster/local';

/** Where a store is; can be sent to another process. */
export type Place =
  | { readonly store: 'etcd'; readonly host: string }
  | { readonly store: 'consul'; readonly host: string /** Consul's command line. */; readonly program: string }
  | { readonly store: 'local'; readonly folder: string };

export function openBackend(place: Place, cluster: string): Backend {
  if (place.store === 'etcd') return etcd({ cluster, hosts: place.host });
  if (place.store === 'consul') return consul({ cluster, hosts: place.host });
  return local({ cluster, folder: place.folder });
}

/** A call that is bounded, but that nobody aborts. */
export function callOptions(timeoutMs = 60_000): CallOptions {
  return { signal: new AbortController().signal, timeoutMs, clock: systemRuntime.clock };
}

/** One clock for all processes of the machine. */
export const nowMs = (): number => systemRuntime.clock.monotonicMs();

export async function sleepUntil(atMs: number): Promise<void> {
  await delay(Math.max(0, atMs - nowMs()));
}
