// One node at a time, in a process of its own that does what it is told by messages.
import { createClusterNode, describeTiming, isClusterError, processDriver } from '@autocluster/core';
import { fileDriver } from './file-driver.mjs';
import { striker, struckBackend } from './strike.mjs';

let node;
let name;
const tell = (event, data = {}) => process.connected && process.send({ event, data });

async function openStore({ name: store, options }, cluster) {
  const { [store]: open } = await import(`@autocluster/${store}`);
  return open({ cluster, ...options });
}

/** What an application does when a peer is gone for good: it obeys the signal. */
async function forget(gone, { signal }, strikeAt) {
  strikeAt('while forgetting');
  await new Promise((resolve) => setTimeout(resolve, 10));
  signal.throwIfAborted();
  tell('forgot', { node: gone });
}

async function prepare({ store, cluster, strike, file, options, ...spec }) {
  name = spec.node;
  const strikeAt = striker(strike, tell);
  const callbacks = {
    onCreate() {
      tell('created');
      strikeAt('after create, before the record');
    },
    onJoin(seed) {
      tell('joined', { seed: seed.node });
      strikeAt('while joining');
    },
    ...(options.cleanup ? { onForget: (gone, under) => forget(gone, under, strikeAt) } : {}),
  };
  const all = {
    backend: struckBackend(await openStore(store, cluster), strikeAt),
    driver: file ? fileDriver({ node: name, file, ...callbacks }) : processDriver({ node: name, ...callbacks }),
    ...options,
  };
  node = createClusterNode({ ...all, onEvent: ({ name: event, data }) => tell(event, data) });
  tell('prepared', describeTiming(all));
}

async function start() {
  try {
    await node.start();
    tell('started', node.state);
  } catch (error) {
    tell('failed', { code: isClusterError(error) ? error.code : 'unknown', text: String(error) });
  }
}

const orders = {
  prepare,
  start,
  async stop() {
    await node.stop();
    tell('stopped');
  },
  report: () => tell('report', { state: node.state, view: node.view }),
  /** Only what the node left behind can keep the process now. */
  letGo() {
    process.off('disconnect', endWithTest);
    process.disconnect();
  },
};
const endWithTest = () => process.exit(1);

process.on('message', ({ order, ...rest }) => void orders[order](rest));
process.on('disconnect', endWithTest);
tell('loaded');
