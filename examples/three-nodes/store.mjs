import { consul } from '@autocluster/consul';
import { etcd } from '@autocluster/etcd';
import { kubernetes } from '@autocluster/kubernetes';
import { local } from '@autocluster/local';

const isPod = () => process.env.KUBERNETES_SERVICE_HOST !== undefined;

/** A pod asks as its ServiceAccount, everybody else as the kubeconfig says. */
function openKubernetes(file, cluster) {
  if (file === undefined && isPod()) return kubernetes({ cluster });
  return kubernetes({ cluster, kubeconfig: file ?? true });
}

const ADDRESSED = { etcd, consul };

/** `local:FOLDER`, `etcd://…` or `consul://HOST:PORT[,HOST:PORT…]`, or `kubernetes[:KUBECONFIG]`, bound to the cluster. */
export function openStore(store, cluster) {
  const [kind, ...rest] = store.split(':');
  if (kind === 'local') return local({ cluster, folder: rest.join(':') });
  if (kind === 'kubernetes') return openKubernetes(rest.length === 0 ? undefined : rest.join(':'), cluster);
  const hosts = rest
    .join(':')
    .slice('//'.length)
    .split(',')
    .map((host) => `http://${host}`);
  return ADDRESSED[kind]({ cluster, hosts });
}

const FORMS = [/^local:.+/, /^(etcd|consul):\/\/[^/\s,]+(,[^/\s,]+)*$/, /^kubernetes(:.+)?$/];

export const isStore = (text) => FORMS.some((form) => form.test(text));

/** How long the store keeps a dead process unless `--ttl` says otherwise, in ms: Consul takes no less than 10 s. */
export const usualTtl = (store) => (store.startsWith('consul:') ? 10_000 : 3_000);
