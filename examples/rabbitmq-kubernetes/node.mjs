import { kubernetes } from '@autocluster/kubernetes';
import { runRabbitmqNode } from '@autocluster/rabbitmq';

// The entrypoint of a pod. RABBITMQ_NODENAME is rabbit@POD.SERVICE.NAMESPACE.svc: it must stay the same.
const { CLUSTER = 'rabbits', SERVICE, KUBECONFIG, ERLANG_COOKIE_FILE } = process.env;
const { HEALTH_HOST = '127.0.0.1', HEALTH_PORT = '8080' } = process.env;

/** The pods of the Service are the members: nobody is removed on the word of a list that a controller writes. */
const inPods = () => ({
  backend: kubernetes({ cluster: CLUSTER, members: { service: SERVICE, address: 'dns', prefix: 'rabbit@' } }),
});

/** On a developer's machine each node keeps a Lease, and the kubeconfig has address and credentials. */
const outside = () => ({
  backend: kubernetes({ cluster: CLUSTER, kubeconfig: KUBECONFIG || true }),
  cleanup: { mode: 'remove', intervalMs: 30_000 },
});

process.exitCode = await runRabbitmqNode({
  ...(SERVICE ? inPods() : outside()),
  ttlMs: 15_000,
  onEvicted: 'rejoin',
  rabbitmq: ERLANG_COOKIE_FILE ? { cookieFile: ERLANG_COOKIE_FILE } : {},
  http: { host: HEALTH_HOST, port: Number(HEALTH_PORT) },
});
