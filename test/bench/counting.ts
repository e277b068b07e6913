import type { Backend, CallOptions, MemberList } from '@autocluster/core/backend';

export type Verb = 'register' | 'unregister' | 'list' | 'lock' | 'unlock';
export type Counts = Record<Verb, number>;

export const noCounts = (): Counts => ({ register: 0, unregister: 0, list: 0, lock: 0, unlock: 0 });

async function* nothing(): AsyncGenerator<MemberList | 'changed'> {}

/** The same backend, which counts its exchanges. */
export function counting(backend: Backend, counts: Counts): Backend {
  const canWatch = backend.watch !== undefined;
  const watch = (options: CallOptions) => backend.watch?.(options) ?? nothing();
  return {
    name: backend.name,
    spi: backend.spi,
    cluster: backend.cluster,
    capabilities: backend.capabilities,
    register(request, options) {
      counts.register += 1;
      return backend.register(request, options);
    },
    unregister(registration, options) {
      counts.unregister += 1;
      return backend.unregister(registration, options);
    },
    list(options) {
      counts.list += 1;
      return backend.list(options);
    },
    lock(request, options) {
      counts.lock += 1;
      return backend.lock(request, options);
    },
    unlock(grant, options) {
      counts.unlock += 1;
      return backend.unlock(grant, options);
    },
    ...(canWatch ? { watch } : {}),
    close: () => backend.close(),
  };
}

export function sumOfCounts(all: readonly Counts[]): Counts {
  const sum = noCounts();
  for (const counts of all) {
    for (const verb of ['register', 'unregister', 'list', 'lock', 'unlock'] as const) sum[verb] += counts[verb];
  }
  return sum;
}
