// One pod: a member of the cluster, with the probes that its manifest names.
import { createServer } from 'node:http';
import { hostname } from 'node:os';
import { createClusterNode, processDriver } from '@autocluster/core';
import { kubernetes } from '@autocluster/kubernetes';

const { CLUSTER = 'orders', POD_NAME = hostname(), PORT = '8080', TTL_MS = '15000', KUBECONFIG } = process.env;

const node = createClusterNode({
  // A pod finds address and credentials by itself; on a developer's machine the kubeconfig has them.
  backend: kubernetes({ cluster: CLUSTER, ...(KUBECONFIG ? { kubeconfig: KUBECONFIG } : {}) }),
  driver: processDriver({ node: POD_NAME }),
  ttlMs: Number(TTL_MS),
  // A pod that waits is visible and costs nothing; one that gives up is only started again.
  formationTimeoutMs: 'unlimited',
  onEvent: ({ name, at, data }) => console.log(JSON.stringify({ at, name, ...data })),
});

/** Both answer from memory: no lock, no store, no command. */
const PROBES = {
  // While it waits for others it lives: a liveness probe must not kill a pod that is booting.
  '/live': () => node.state.kind !== 'failed',
  '/ready': () => node.state.kind === 'formed',
};

const probes = createServer(({ url }, response) => {
  const probe = PROBES[url];
  response.writeHead(probe === undefined ? 404 : probe() ? 200 : 503, { 'content-type': 'application/json' });
  response.end(JSON.stringify(node.state));
});

async function end() {
  await node.stop();
  probes.close();
}

process.on('SIGTERM', () => void end());
process.on('SIGINT', () => void end());
probes.listen(Number(PORT));
node.start().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
  probes.close();
});
