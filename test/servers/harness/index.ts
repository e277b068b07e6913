export { makeCertificates, type CertificateOptions, type Certificates, type KeyPair } from './certificates.ts';
export {
  runCommand,
  spawnCommand,
  type CommandOptions,
  type CommandResult,
  type RunningCommand,
} from './command.ts';
export type { ServerControls } from './daemon.ts';
export {
  startEtcd,
  startEtcdCluster,
  type EtcdClient,
  type EtcdCluster,
  type EtcdctlOptions,
  type EtcdMember,
  type EtcdServer,
} from './etcd.ts';
export type { EtcdAuth, EtcdOptions, EtcdTls, EtcdUser } from './etcd-options.ts';
export { faultProxy, type FaultProxy, type ProxyCounters } from './fault-proxy.ts';
export { makeFolder, removeFolder } from './folder.ts';
export { nothingLeftOf, processesOf } from './leftovers.ts';
export { sumOf, type Metrics } from './metrics.ts';
export { until, type PollOptions } from './poll.ts';
export { freePorts, onFreePorts, PortTakenError } from './ports.ts';
export { startConsul, startConsulCluster, type ConsulClient, type ConsulCluster, type ConsulServer } from './consul.ts';
export type { ConsulOptions, ConsulTls } from './consul-options.ts';
export { startKubernetes, type KubernetesOptions, type KubernetesServer } from './kubernetes.ts';
export type { ApiCall, ApiReply, TokenOptions } from './kubernetes-api.ts';
export { startEpmd, type Epmd } from './epmd.ts';
export {
  brokerEnvironment,
  startRabbitmq,
  writeBrokerFiles,
  type BrokerPlace,
  type RabbitmqNode,
  type RabbitmqOptions,
} from './rabbitmq.ts';
export { startPostgres, type PostgresServer } from './postgres.ts';
