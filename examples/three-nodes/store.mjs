import { etcd } from '@autocluster/etcd';
import { kubernetes } from '@autocluster/kubernetes';
import { local } from '@autocluster/local';

const isPod = () => process.env.KUBERNETES_SERVICE_HOST !== undefined;

/** A pod asks as its ServiceAccount, everybody else as the kubeconfig says. */
function openKubernetes(file, cluster) {
  if (file === undefined && isPod()) return kubernetes({ cluster });
  return kubernetes({ cluster, kubeconfig: file ?? true });
}

/** `local:FOLDER`, `etcd://HOST:PORT[,HOST:PORT…]` or `kubernetes[:KUBECONFIG]` as a store that is bound to the cluster. */
export function openStore(store, cluster) {
  const [kind, ...rest] = store.split(':');
  if (kind === 'local') return local({ cluster, folder: rest.join(':') });
  if (kind === 'kubernetes') return openKubernetes(rest.length === 0 ? undefined : rest.join(':'), cluster);
  const hosts = store
    .slice('etcd://'.length)
    .split(',')
    .map((host) => `http://${host}`);
  return etcd({ cluster, hosts });
}

const FORMS = [/^local:.+/, /^etcd:\/\/[^/\s,]+(,[^/\s,]+)*$/, /^kubernetes(:.+)?$/];

export const isStore = (text) => FORMS.some((form) => form.test(text));
