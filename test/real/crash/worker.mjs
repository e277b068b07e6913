// One node in a process of its own, which strikes itself at a chosen moment: with SIGKILL as in a crash, with SIGSTOP as
// in a pause of the machine.
import { createClusterNode, processDriver } from '@autocluster/core';
import { etcd } from '@autocluster/etcd';
import { local } from '@autocluster/local';
import { fileDriver } from './file-driver.mjs';

const { name, store, cluster, ttlMs, strike, file } = JSON.parse(process.argv[2]);
const tell = (event, data = {}) => process.connected && process.send({ event, data });

/** Nothing of this process runs between the moment and the signal. */
function strikeAt(moment) {
  if (strike?.moment !== moment) return;
  process.kill(process.pid, strike.signal);
}

function openStore() {
  const backend = store.folder ? local({ cluster, folder: store.folder }) : etcd({ cluster, hosts: store.hosts });
  return {
    name: backend.name,
    spi: backend.spi,
    cluster: backend.cluster,
    capabilities: backend.capabilities,
    list: (options) => backend.list(options),
    unregister: (registration, options) => backend.unregister(registration, options),
    watch: (options) => backend.watch(options),
    close: () => backend.close(),
    register(request, options) {
      strikeAt('before register');
      return backend.register(request, options);
    },
    async lock(request, options) {
      const outcome = await backend.lock(request, options);
      if (outcome.kind === 'held' && !request.held) strikeAt('holding the lock, before create');
      return outcome;
    },
    async unlock(grant, options) {
      strikeAt('while releasing');
      const outcome = await backend.unlock(grant, options);
      if (options.record) strikeAt('after the record, before ready');
      return outcome;
    },
  };
}

const callbacks = {
  onCreate() {
    tell('created');
    strikeAt('after create, before the record');
  },
  onJoin(seed) {
    tell('joined', { seed: seed.node });
    strikeAt('while joining');
  },
};
const node = createClusterNode({
  backend: openStore(),
  driver: file ? fileDriver({ node: name, file, ...callbacks }) : processDriver({ node: name, ...callbacks }),
  ttlMs,
  onEvent: ({ name: event, data }) => tell(event, data),
});

process.on('message', (order) => {
  if (order === 'start') {
    node.start().then(
      () => tell('formed', node.state),
      (error) => tell('failed', { code: error.code, text: error.message }),
    );
  } else {
    void node.stop().then(() => process.connected && process.disconnect());
  }
});
process.on('disconnect', () => process.exit(0));
tell('loaded');
