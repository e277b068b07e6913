import type { ClusterRecord, DriverCall, Member, MemberList } from '@autocluster/core/driver';
import { type DaemonWorldOptions, daemonWorld, simulateTime } from '@autocluster/testing';
import { clusterRecord } from './store-kit.js';

export const IDENTITY = { clusterId: 'id-1', generation: 1 };
export const RECORD = clusterRecord(7n);
const list: MemberList | undefined = undefined;

/** Three daemons in simulated time, and short ways to use them. */
export function setUp(options: Omit<DaemonWorldOptions, 'runtime'> = {}) {
  const time = simulateTime({ seed: 1 });
  const world = daemonWorld({ runtime: time.runtime, ...options });
  const call = (signal: AbortSignal = new AbortController().signal): DriverCall => ({
    signal,
    timeoutMs: 5000,
    clock: time.runtime.clock,
    list,
  });
  const seed = (node: string): Member => ({
    node,
    instance: `${node}.1`,
    state: 'ready',
    identity: IDENTITY,
    recordVersion: 1,
    metadata: {},
    order: 1n,
  });
  const [a, b, c] = [world.daemon('a'), world.daemon('b'), world.daemon('c')];
  const join = (daemon: typeof a, to: string, record: ClusterRecord = RECORD) =>
    daemon.join({ seed: seed(to), token: 1n, record }, call());
  const create = async () => {
    await a.create({ identity: IDENTITY, token: 7n }, call());
    await a.committed(RECORD, call());
  };
  const form = async () => {
    await create();
    for (const daemon of [b, c]) {
      await join(daemon, 'a');
      await daemon.committed(RECORD, call());
    }
  };
  const forget = (by: typeof a, node: string) => by.forget({ node, instance: undefined, token: 9n }, call());
  const members = (daemon: typeof a) => daemon.inspect().disk.members.toSorted().join('');
  return { time, world, call, seed, a, b, c, join, create, form, forget, members };
}
