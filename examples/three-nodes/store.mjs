const isPod = () => process.env.KUBERNETES_SERVICE_HOST !== undefined;

/** A pod asks as its ServiceAccount, everybody else as the kubeconfig says. */
function kubernetesOptions(file) {
  return file === undefined && isPod() ? {} : { kubeconfig: file ?? true };
}

/** What each kind of store makes of the text after its name and colon. */
const OPTIONS = {
  local: (folder) => ({ folder }),
  etcd: hostsOptions,
  consul: hostsOptions,
  kubernetes: kubernetesOptions,
};

function hostsOptions(address) {
  const hosts = address.slice('//'.length).split(',');
  return { hosts: hosts.map((host) => `http://${host}`) };
}

/**
 * `local:FOLDER`, `etcd://…` or `consul://HOST:PORT[,HOST:PORT…]`, or `kubernetes[:KUBECONFIG]`, bound to the cluster. Only
 * the client of that store is loaded.
 */
export async function openStore(store, cluster) {
  const [, kind, rest] = /^([a-z]+)(?::(.*))?$/.exec(store);
  const { [kind]: open } = await import(`@autocluster/${kind}`);
  return open({ cluster, ...OPTIONS[kind](rest) });
}

const FORMS = [/^local:.+/, /^(etcd|consul):\/\/[^/\s,]+(,[^/\s,]+)*$/, /^kubernetes(:.+)?$/];

export const isStore = (text) => FORMS.some((form) => form.test(text));

/** How long the store keeps a dead process unless `--ttl` says otherwise, in ms: Consul takes no less than 10 s. */
export const usualTtl = (store) => (store.startsWith('consul:') ? 10_000 : 3_000);
