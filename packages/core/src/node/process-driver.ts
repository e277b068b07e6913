import type { ClusterIdentity, ClusterRecord, Member, MemberList, NodeId } from '../backend/index.js';
import { sameIdentity } from '../backend/index.js';
import type { ClusterDriver, LocalIdentity, NodeHealth } from '../driver/index.js';
import { ClusterError, invalidType, requireKnown } from '../errors/index.js';
import { requireName } from '../backend/index.js';
import { processName } from '../runtime/index.js';

type Maybe = void | Promise<void>;
interface Under {
  readonly signal: AbortSignal;
}

export interface ProcessDriverOptions {
  /** Stable name of this node. Default: `pid@hostname`, which is another one after a restart. */
  readonly node?: NodeId;
  /** This process is the first member: make what the cluster needs. Default: nothing to do. */
  readonly onCreate?: (cluster: ClusterIdentity, under: Under) => Maybe;
  /** Another member is there: join through it. Default: nothing to do. */
  readonly onJoin?: (seed: Member, under: Under) => Maybe;
  /**
   * Undo what `onCreate` or `onJoin` did, since it does not count. Also after one of them failed, whatever it had done by then;
   * repeated until it succeeds, and nothing else is begun before. Default: nothing to do.
   */
  readonly onReset?: (under: Under) => Maybe;
  /**
   * A process that was in the cluster is gone for good, as cleanup has found with all its brakes. Default: nothing to do, and
   * cleanup has nobody to remove. May be called again for the same process, by another one that cleans up.
   */
  readonly onForget?: (node: NodeId, under: Under & { readonly token: bigint }) => Maybe;
  /** Whether this process can serve. Default: yes. */
  readonly isHealthy?: (under: Under) => boolean | Promise<boolean>;
  /** Whether a listed peer can be reached: true, false, or a rejection when that cannot be told. Default: a listed peer is up. */
  readonly probe?: (peer: Member, under: Under) => boolean | Promise<boolean>;
  /** Whether several processes may join at the same time. Default: true. */
  readonly concurrentJoins?: boolean;
}

const CALLBACKS = ['onCreate', 'onJoin', 'onReset', 'onForget', 'isHealthy', 'probe'] as const;
const OPTIONS = ['node', 'concurrentJoins', ...CALLBACKS] as const;

function requireCallbacks(options: ProcessDriverOptions): void {
  requireKnown(options, OPTIONS, 'processDriver');
  for (const name of CALLBACKS) {
    const callback: unknown = options[name];
    if (callback !== undefined && typeof callback !== 'function') throw invalidType(name, callback, 'a function');
  }
  const { concurrentJoins } = options;
  if (concurrentJoins !== undefined && typeof concurrentJoins !== 'boolean') {
    throw invalidType('concurrentJoins', concurrentJoins, 'true or false');
  }
}

function health(status: NodeHealth['status'], detail: string): NodeHealth {
  return { status, ready: status === 'up', detail, view: undefined };
}

/** Whoever was listed in this cluster is a member of it until somebody forgets it. */
function remember(known: Set<NodeId>, identity: LocalIdentity, list: MemberList | undefined): void {
  if (identity.kind !== 'committed') return;
  for (const member of list?.members ?? []) if (sameIdentity(member.identity, identity)) known.add(member.node);
}

/**
 * The daemon is this process itself: it has no data to lose, and its members are the processes that the store lists with the
 * same identity. What an embedding program uses first.
 */
export function processDriver(options: ProcessDriverOptions = {}): ClusterDriver {
  requireCallbacks(options);
  const node = options.node === undefined ? processName() : requireName('node', options.node);
  const { onCreate, onJoin, onReset, onForget, isHealthy, probe } = options;
  let identity: LocalIdentity = { kind: 'blank' };
  let kept: ClusterRecord | undefined;
  const known = new Set<NodeId>();
  const provisional = ({ clusterId, generation }: ClusterIdentity): LocalIdentity => ({
    kind: 'provisional',
    clusterId,
    generation,
  });

  return {
    name: 'process',
    spi: 1,
    data: 'none',
    views: 'registration',
    concurrentJoins: options.concurrentJoins ?? true,
    self: () => node,
    membership({ list }) {
      if (onForget) remember(known, identity, list);
      return Promise.resolve({ identity, members: [...known], running: [], partitions: [], kept });
    },
    async health({ node: peer, listed }, { signal }) {
      if (peer === node) {
        const healthy = (await isHealthy?.({ signal })) ?? true;
        return health(healthy ? 'up' : 'down', healthy ? 'this process is healthy' : 'isHealthy answered false');
      }
      if (!listed) return health('unknown', 'not listed');
      const reached = (await probe?.(listed, { signal })) ?? true;
      return health(reached ? 'up' : 'down', reached ? 'listed' : 'probe answered false');
    },
    async create({ identity: created }, { signal }) {
      identity = provisional(created);
      await onCreate?.({ clusterId: created.clusterId, generation: created.generation }, { signal });
    },
    async join({ seed, record }, { signal }) {
      identity = { kind: 'unnamed', interruptedJoin: true };
      await onJoin?.(seed, { signal });
      identity = provisional(record);
    },
    committed(record) {
      const mine = identity.kind === 'provisional' || identity.kind === 'committed' ? identity : undefined;
      if (!mine || !sameIdentity(mine, record)) {
        return Promise.reject(
          new ClusterError('DRIVER_FAILED', 'this process did not create or join the cluster on record'),
        );
      }
      identity = { kind: 'committed', clusterId: record.clusterId, generation: record.generation };
      kept = record;
      return Promise.resolve();
    },
    async reset({ signal }) {
      // First: what could not be undone is not forgotten, and is undone before anything else is done.
      await onReset?.({ signal });
      identity = { kind: 'blank' };
      kept = undefined;
      known.clear();
    },
    async forget({ node: gone, token }, { signal }) {
      await onForget?.(gone, { signal, token });
      known.delete(gone);
    },
  };
}
