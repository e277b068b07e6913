import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { ClusterError, sameIdentity } from '@autocluster/core/driver';

const BLANK = { identity: { kind: 'blank' }, cluster: null, kept: null };
const failure = (code, text) => new ClusterError(code, text, { operation: 'driver' });
const toText = (value) => JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? `bigint:${each}` : each));
const fromText = (text) =>
  JSON.parse(text, (_, each) => (/^bigint:\d+$/.test(each) ? BigInt(each.slice('bigint:'.length)) : each));

function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** The data of all daemons, one file for each, where every daemon can look at the others'. */
function dataIn(folder) {
  mkdirSync(folder, { recursive: true });
  return {
    read(node) {
      try {
        return fromText(readFileSync(join(folder, `${node}.json`), 'utf8'));
      } catch {
        return { ...BLANK, pid: 0 };
      }
    },
    /** On disk when it returns, whatever ends the process then. */
    write(node, data) {
      const path = join(folder, `${node}.json`);
      const file = openSync(`${path}.new`, 'w');
      writeSync(file, toText({ ...data, pid: process.pid }));
      fsyncSync(file);
      closeSync(file);
      renameSync(`${path}.new`, path);
    },
    nodes: () =>
      readdirSync(folder).flatMap((name) => (name.endsWith('.json') ? [name.slice(0, -'.json'.length)] : [])),
  };
}

function viewOf(data, node) {
  const { identity, cluster, kept } = data.read(node);
  const members = cluster === null ? [] : data.nodes().filter((each) => data.read(each).cluster === cluster);
  const running = members.filter((each) => isAlive(data.read(each).pid));
  return { identity, members, running, partitions: [], kept: kept ?? undefined };
}

/** A daemon that keeps its cluster data in a file: identity, record and the mark of a join outlive the process. */
export function durableDriver(node, folder) {
  const data = dataIn(folder);
  data.write(node, data.read(node));
  const change = (part) => data.write(node, { ...data.read(node), ...part });
  const isMarked = () => data.read(node).identity.interruptedJoin === true;
  const named = ({ clusterId, generation }, kind) => ({ kind, clusterId, generation });
  return {
    name: 'durable',
    spi: 1,
    data: 'durable',
    views: 'peer',
    concurrentJoins: true,
    self: () => node,
    membership: async () => viewOf(data, node),
    async health({ node: peer }) {
      const { pid } = data.read(peer);
      if (!isAlive(pid)) return { status: 'down', ready: false, detail: 'its process has ended', view: undefined };
      const view = viewOf(data, peer);
      return { status: 'up', ready: view.identity.kind === 'committed', detail: 'runs', view };
    },
    async create({ identity }) {
      change({ identity: named(identity, 'provisional'), cluster: null, kept: null });
      change({ cluster: identity.clusterId });
    },
    async join({ seed, record }) {
      const { kind } = data.read(node).identity;
      if (kind === 'committed' || (kind === 'unnamed' && !isMarked())) throw failure('LOCAL_DATA', `${node} has data`);
      const { identity } = data.read(seed.node);
      const isRight = identity.kind === 'committed' && sameIdentity(identity, record);
      if (!isRight) throw failure('CLUSTER_MISMATCH', `${seed.node} is not in the cluster of the record`);
      change({ identity: { kind: 'unnamed', interruptedJoin: true }, cluster: null, kept: null });
      change({ cluster: record.clusterId });
    },
    async committed(record) {
      if (data.read(node).cluster !== record.clusterId)
        throw failure('DRIVER_FAILED', `${node} is not in this cluster`);
      change({ identity: named(record, 'committed'), kept: record });
    },
    reset: async () => change(BLANK),
    forget: async ({ node: gone }) => data.write(gone, BLANK),
  };
}
