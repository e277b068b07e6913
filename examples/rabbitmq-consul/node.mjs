import { readFileSync } from 'node:fs';
import { consul } from '@autocluster/consul';
import { runRabbitmqNode } from '@autocluster/rabbitmq';

// The entrypoint of a container. RABBITMQ_NODENAME names the node, e.g. rabbit@10.0.0.4: it must stay the same.
const { CLUSTER = 'rabbits', CONSUL = 'http://127.0.0.1:8500', ERLANG_COOKIE_FILE, CONSUL_TOKEN_FILE } = process.env;
const { HEALTH_HOST = '127.0.0.1', HEALTH_PORT = '8080', RABBITMQ_NODE_PORT = '5672' } = process.env;

process.exitCode = await runRabbitmqNode({
  backend: consul({
    cluster: CLUSTER,
    hosts: CONSUL.split(','),
    // DNS of Consul then answers rabbits.autocluster.service.consul with the nodes that are ready, and their AMQP port.
    address: { from: 'node' },
    port: Number(RABBITMQ_NODE_PORT),
    // A file that is read again when Consul does not know the token any more.
    ...(CONSUL_TOKEN_FILE ? { token: () => readFileSync(CONSUL_TOKEN_FILE, 'utf8').trim() } : {}),
  }),
  ttlMs: 15_000,
  onEvicted: 'rejoin',
  cleanup: { mode: 'remove', intervalMs: 30_000 },
  rabbitmq: ERLANG_COOKIE_FILE ? { cookieFile: ERLANG_COOKIE_FILE } : {},
  http: { host: HEALTH_HOST, port: Number(HEALTH_PORT) },
});
