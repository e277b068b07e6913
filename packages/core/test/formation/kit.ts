import type { ClusterRecord, MemberList, Registration, StoredRecord } from '@autocluster/core/backend';
import type { LocalIdentity, NodeHealth } from '@autocluster/core/driver';
import type { FormationConfig } from '../../src/formation/config.js';
import { decide } from '../../src/formation/decide/index.js';
import { freshMemory, type Memory, remember } from '../../src/formation/memory.js';
import type { Observation } from '../../src/formation/observation.js';
import { situationOf } from '../../src/formation/situation.js';

export const CLUSTER = { clusterId: 'c-1', generation: 1 };
export const OTHER = { clusterId: 'c-2', generation: 1 };
export const NEWER = { clusterId: 'c-3', generation: 2 };

export const CONFIG: FormationConfig = {
  self: 'me',
  data: 'durable',
  views: 'peer',
  concurrentJoins: true,
  registration: 'explicit',
  listConsistency: 'linearizable',
  metadata: true,
  listsWhenTold: true,
  select: 'first-by-name',
  onFailure: 'stop',
  onLocalData: 'refuse',
  onEvicted: 'stop',
  joinMinority: 'allow',
  whenNobodyAlive: 'wait',
  nodesExpectedMin: 1,
  settleMs: 0,
  formationTimeoutMs: 300_000,
  ttlMs: 30_000,
  refreshMs: 10_000,
  renewalMs: 10_000,
  callTimeoutMs: 5_000,
  latestTakeoverMs: 61_000,
};

export function record(change: Partial<ClusterRecord> = {}): ClusterRecord {
  return {
    ...CLUSTER,
    createdBy: 'a',
    createdAt: '2026-01-01T00:00:00.000Z',
    token: 5n,
    version: 3,
    size: 3,
    idle: false,
    removed: [],
    settings: {},
    extra: {},
    ...change,
  };
}

export const present = (change?: Partial<ClusterRecord>): StoredRecord => ({ kind: 'present', record: record(change) });
export const ABSENT: StoredRecord = { kind: 'absent' };

export const BLANK: LocalIdentity = { kind: 'blank' };
export const committed = (identity = CLUSTER): LocalIdentity => ({ kind: 'committed', ...identity });
export const provisional = (identity = CLUSTER): LocalIdentity => ({ kind: 'provisional', ...identity });
export const unnamed = (interruptedJoin = false): LocalIdentity => ({ kind: 'unnamed', interruptedJoin });

export interface PeerSketch {
  readonly node: string;
  readonly state?: 'joining' | 'ready';
  readonly identity?: typeof CLUSTER | undefined;
  readonly status?: NodeHealth['status'];
  readonly own?: LocalIdentity | undefined;
  readonly members?: readonly string[];
  /** Default: all of its members. */
  readonly running?: readonly string[];
  readonly recordVersion?: number;
}

/** A ready member of the cluster whose own view says so. */
export const member = (node: string, more: Partial<PeerSketch> = {}): PeerSketch => ({
  node,
  state: 'ready',
  identity: CLUSTER,
  status: 'up',
  own: committed(more.identity ?? CLUSTER),
  members: [node],
  ...more,
});

export interface Sketch {
  readonly own?: LocalIdentity | 'unknown';
  readonly ownMembers?: readonly string[];
  readonly ownStatus?: NodeHealth['status'];
  readonly kept?: ClusterRecord;
  readonly record?: StoredRecord;
  readonly peers?: readonly PeerSketch[];
  readonly complete?: boolean;
  readonly listFails?: boolean;
  /** Whether the list shows this node. Default: true. */
  readonly amListed?: boolean;
  readonly askedAtMs?: number;
  readonly nowMs?: number;
  readonly probed?: 'all' | 'sample';
  readonly announced?: Observation['announced'];
  readonly store?: string;
  readonly revision?: bigint;
}

function entryOf({ node, state = 'joining', identity, recordVersion }: PeerSketch, order: number): Registration {
  const instance = `${node}#1`;
  const cluster = { identity, recordVersion };
  return { node, instance, state, ...cluster, metadata: {}, order: BigInt(order), ref: node, ttlMs: undefined };
}

function healthOf({ status = 'up', own, members = [], running, node }: PeerSketch): NodeHealth {
  const view = own && {
    identity: own,
    members: [...members],
    running: running ?? [...new Set([...members, node])],
    partitions: [],
  };
  return { status, ready: status === 'up', detail: '', view };
}

export function listOf(sketch: Sketch): MemberList {
  const { peers = [], complete = true, store = 's-1', revision = 1n, amListed = true } = sketch;
  const mine: PeerSketch = { node: 'me', identity: sketch.announced?.identity };
  const members = [...(amListed ? [mine] : []), ...peers].map(entryOf);
  return { members, record: sketch.record ?? ABSENT, complete, skipped: [], revision, store };
}

export function observation(sketch: Sketch = {}): Observation {
  const { own = BLANK, nowMs = 1_000, askedAtMs = nowMs - 1, peers = [], probed = 'all', announced } = sketch;
  const members = sketch.ownMembers ?? ['me'];
  return {
    nowMs,
    own:
      own === 'unknown'
        ? {
            kind: 'unknown',
            cause: 'DRIVER_FAILED',
            text: 'no answer',
            status: sketch.ownStatus === 'down' ? 'down' : 'unknown',
          }
        : {
            kind: 'known',
            membership: { identity: own, members, running: members, partitions: [], kept: sketch.kept },
            status: sketch.ownStatus ?? 'up',
          },
    listing: sketch.listFails
      ? { kind: 'failed', cause: 'STORE_UNREACHABLE', text: 'STORE_UNREACHABLE: no' }
      : { kind: 'listed', list: listOf(sketch), askedAtMs, answeredAtMs: nowMs },
    peers: new Map(
      peers.filter(({ status, own: view }) => status !== undefined || view).map((each) => [each.node, healthOf(each)]),
    ),
    probed,
    announced,
  };
}

const LOOK_AGAIN_MS = 5_000;

/** These observations in turn, and what a node that goes on looking sees in between: the same as before. */
function withLooksBetween(sketches: readonly Sketch[]): readonly Sketch[] {
  return sketches.flatMap((sketch, index) => {
    const next = sketches[index + 1];
    const { askedAtMs: _, ...seen } = sketch;
    const fromMs = sketch.nowMs ?? 1_000;
    const looks = next ? Math.floor(Math.max(0, (next.nowMs ?? 1_000) - 1 - fromMs) / LOOK_AGAIN_MS) : 0;
    const between = Array.from({ length: looks }, (__, nth) => ({
      ...seen,
      nowMs: fromMs + (nth + 1) * LOOK_AGAIN_MS,
    }));
    return [sketch, ...between];
  });
}

/** The memory after exactly these observations. */
export function rememberOnly(
  config: FormationConfig,
  sketches: readonly Sketch[],
  start: Memory = freshMemory(0),
): Memory {
  return sketches.reduce((memory, sketch) => {
    const seen = observation(sketch);
    return remember(config, memory, seen, situationOf(config, seen));
  }, start);
}

/** The memory of a node that looks again and again, and sees these things in turn. */
export const rememberAll = (config: FormationConfig, sketches: readonly Sketch[], start?: Memory): Memory =>
  rememberOnly(config, withLooksBetween(sketches), start);

export interface Question {
  readonly config?: Partial<FormationConfig>;
  readonly formed?: boolean;
  /** What was seen before. */
  readonly before?: readonly Sketch[];
  readonly now: Sketch;
}

export function decideOn({ config: change, formed = false, before = [], now }: Question) {
  const config = { ...CONFIG, ...change };
  const memory = rememberAll(config, [...before, now]);
  return decide({ config, observation: observation(now), memory, formed });
}
