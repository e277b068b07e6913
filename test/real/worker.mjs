import { createClusterNode, describeTiming, isClusterError, processDriver } from '@autocluster/core';
import { etcd } from '@autocluster/etcd';
import { local } from '@autocluster/local';
import { durableDriver } from './durable-driver.mjs';
import { setTrap, trappedBackend, trappedDriver } from './trap.mjs';

let node;
let name;
const tell = (event, data = {}) => process.connected && process.send({ node: name, event, data });

function openStore({ folder, hosts }, cluster) {
  return folder ? local({ cluster, folder }) : etcd({ cluster, hosts });
}

/** Work that goes on until it is told to stop, and says so. */
function untilAborted(signal, limitMs) {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(tell('work.finished')), limitMs);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve(tell('work.aborted'));
    });
  });
}

function driverOf({ durable, longWorkMs }, trap) {
  if (durable) return durableDriver(name, durable);
  return processDriver({
    node: name,
    async onCreate(_cluster, { signal }) {
      tell('created');
      // Only the process that the trap stops works long.
      if (trap.springs('work', 'before') && longWorkMs) await untilAborted(signal, longWorkMs);
    },
    onJoin: (seed) => tell('joined', { seed: seed.node }),
    onReset: () => tell('reset'),
  });
}

function prepare(spec) {
  name = spec.node;
  const trap = setTrap(spec.trap, name);
  const backend = trappedBackend(openStore(spec.store, spec.cluster), trap);
  const driver = trappedDriver(driverOf(spec, trap), trap);
  const options = { backend, driver, ...spec.options };
  node = createClusterNode({ ...options, onEvent: ({ name: event, data }) => tell(event, data) });
  tell('prepared', describeTiming(options));
}

async function start(exitsOnFailure) {
  try {
    await node.start();
    tell('started', node.state);
  } catch (error) {
    tell('failed', { code: isClusterError(error) ? error.code : 'unknown', text: String(error) });
    if (!exitsOnFailure) return;
    process.exitCode = 1;
    process.disconnect();
  }
}

const orders = {
  prepare: (spec) => prepare(spec),
  start: ({ exitsOnFailure }) => start(exitsOnFailure),
  stop: async () => {
    await node?.stop();
    tell('stopped');
  },
  report: () => tell('report', { state: node.state, view: node.view }),
};

process.on('message', ({ order, ...rest }) => void orders[order](rest));
process.on('disconnect', () => void node?.stop());
tell('loaded');
