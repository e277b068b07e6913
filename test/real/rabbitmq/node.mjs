import { consul } from '@autocluster/consul';
import { etcd } from '@autocluster/etcd';
import { kubernetes } from '@autocluster/kubernetes';
import { runRabbitmqNode } from '@autocluster/rabbitmq';

/** One RabbitMQ node of a cluster, as the entrypoint of a container would run it; tells the test what happens. */
const spec = JSON.parse(process.argv[2] ?? '{}');
const tell = (event, data = {}) => process.connected && process.send({ event, data });

const stores = { etcd, consul, kubernetes };
const { kind, ...store } = spec.store;

process.exitCode = await runRabbitmqNode({
  backend: stores[kind](store),
  ...spec.options,
  rabbitmq: spec.rabbitmq,
  http: spec.http,
  onEvent: ({ name, data }) => tell(name, data),
});
if (process.connected) process.disconnect();
