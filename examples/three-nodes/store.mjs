import { etcd } from '@autocluster/etcd';
import { local } from '@autocluster/local';

/** `local:<folder>` or `etcd://host:port[,host:port …]` as a store that is bound to the cluster. */
export function openStore(store, cluster) {
  if (store.startsWith('local:')) return local({ cluster, folder: store.slice('local:'.length) });
  const hosts = store
    .slice('etcd://'.length)
    .split(',')
    .map((host) => `http://${host}`);
  return etcd({ cluster, hosts });
}

export const isStore = (text) => /^local:.+/.test(text) || /^etcd:\/\/[^/\s,]+(,[^/\s,]+)*$/.test(text);
