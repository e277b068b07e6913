import { type EtcdServer, makeFolder, removeFolder, startEtcd } from '../servers/harness/index.ts';
import type { StoreName } from './options.ts';
import type { Place } from './place.ts';

/** A store of its own for one measurement; undefined for what a store has no figures of. */
export interface Opened {
  readonly place: Place;
  readonly etcd: EtcdServer | undefined;
}

export async function withStore<T>(name: StoreName, run: (opened: Opened) => Promise<T>): Promise<T> {
  if (name === 'etcd') {
    const server = await startEtcd();
    try {
      return await run({ place: { store: 'etcd', host: server.endpoint }, etcd: server });
    } finally {
      await server.stop();
    }
  }
  const folder = makeFolder('bench-local');
  try {
    return await run({ place: { store: 'local', folder }, etcd: undefined });
  } finally {
    await removeFolder(folder);
  }
}
