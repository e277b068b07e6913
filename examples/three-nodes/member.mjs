import { createClusterNode, isClusterError, processDriver } from '@autocluster/core';
import { serveHealth } from '@autocluster/core/http';
import { openStore } from './store.mjs';

const { name, store, cluster, ttlMs, cleanup } = JSON.parse(process.argv[2]);
const tell = (event, data = {}) => process.connected && process.send({ event, data });

const node = createClusterNode({
  backend: await openStore(store, cluster),
  driver: processDriver({
    node: name,
    onCreate: () => tell('created'),
    onJoin: (seed) => tell('joined', { seed: seed.node }),
    onForget: (gone) => tell('forgot', { gone }),
  }),
  ttlMs,
  cleanup,
  formationTimeoutMs: Math.max(30_000, 6 * ttlMs),
  onEvent: ({ name: event, data }) => tell(event, data),
});

async function start() {
  try {
    const { host, port } = await serveHealth(node, { port: 0 });
    tell('serving', { url: `http://${host}:${port}` });
    await node.start();
    tell('formed', node.state);
  } catch (error) {
    tell('failed', { code: isClusterError(error) ? error.code : 'unknown', text: String(error) });
    process.exitCode = 1;
    process.disconnect();
  }
}

/** Nothing is left that keeps the process alive: it ends by itself. */
async function stop() {
  await node.stop();
  if (process.connected) process.disconnect();
}

const orders = { start, stop, health: async () => tell('health', await node.health()) };

process.on('message', (order) => void orders[order]());
process.on('disconnect', () => void node.stop());
process.on('SIGTERM', () => void stop());
// Ctrl-C reaches every process of the terminal; the parent then stops each of them in order.
process.on('SIGINT', () => undefined);
tell('loaded');
