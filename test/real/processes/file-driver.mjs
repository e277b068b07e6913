import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';

const reviver = (key, value) => (key === 'token' ? BigInt(value) : value);
const replacer = (_key, value) => (typeof value === 'bigint' ? value.toString() : value);

/** A daemon whose data is one file: identity and record survive a crash at every moment. */
export function fileDriver({ node, file, onCreate, onJoin }) {
  const read = () =>
    existsSync(file) ? JSON.parse(readFileSync(file, 'utf8'), reviver) : { identity: { kind: 'blank' } };
  const write = (data) => {
    const handle = openSync(`${file}.new`, 'w');
    writeSync(handle, JSON.stringify(data, replacer));
    fsyncSync(handle);
    closeSync(handle);
    renameSync(`${file}.new`, file);
  };
  const identityOf = (kind, { clusterId, generation }) => ({ kind, clusterId, generation });
  return {
    name: 'file',
    spi: 1,
    data: 'durable',
    views: 'registration',
    concurrentJoins: true,
    self: () => node,
    membership: async () => ({ members: [], running: [], partitions: [], ...read() }),
    health: async () => ({ status: 'up', ready: true, detail: 'a file', view: undefined }),
    async create({ identity }) {
      write({ identity: identityOf('provisional', identity) });
      onCreate();
    },
    async join({ seed, record }) {
      write({ identity: identityOf('provisional', record) });
      onJoin(seed);
    },
    committed: async (record) => write({ identity: identityOf('committed', record), kept: record }),
    reset: async () => write({ identity: { kind: 'blank' } }),
    forget: async () => undefined,
  };
}
