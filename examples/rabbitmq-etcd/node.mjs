import { etcd } from '@autocluster/etcd';
import { runRabbitmqNode } from '@autocluster/rabbitmq';

// The entrypoint of a container. RABBITMQ_NODENAME names the node, e.g. rabbit@10.0.0.4: it must stay the same.
const { CLUSTER = 'rabbits', ETCD = 'http://127.0.0.1:2379', ERLANG_COOKIE_FILE } = process.env;
const { HEALTH_HOST = '127.0.0.1', HEALTH_PORT = '8080' } = process.env;

process.exitCode = await runRabbitmqNode({
  backend: etcd({ cluster: CLUSTER, hosts: ETCD.split(',') }),
  ttlMs: 15_000,
  onEvicted: 'rejoin',
  cleanup: { mode: 'remove', intervalMs: 30_000 },
  rabbitmq: ERLANG_COOKIE_FILE ? { cookieFile: ERLANG_COOKIE_FILE } : {},
  http: { host: HEALTH_HOST, port: Number(HEALTH_PORT) },
});
