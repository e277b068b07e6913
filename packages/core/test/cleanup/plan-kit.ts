import type { MemberList, Registration, StoredRecord } from '@autocluster/core/backend';
import type { LocalIdentity } from '@autocluster/core/driver';
import { FRESH_MEMORY, remember } from '../../src/cleanup/memory.js';
import type { Answer, CleanupMemory, CleanupObservation, Look } from '../../src/cleanup/observation.js';
import { type CleanupPlan, plan } from '../../src/cleanup/plan/index.js';
import { type CleanupOptions, type CleanupPolicy, resolveCleanup } from '../../src/cleanup/policy.js';
import { CLUSTER, committed, record } from '../formation/kit.js';
import { memoryStore } from '@autocluster/testing';

export const GRACE_MS = 45_000;
export const INTERVAL_MS = 15_000;

export function policyOf(options: CleanupOptions = {}): CleanupPolicy {
  const given = { mode: 'remove', intervalMs: INTERVAL_MS, restartMs: 10_000, ...options } as const;
  const backend = memoryStore().client({ cluster: 'x' });
  return resolveCleanup(given, { latestTakeoverMs: 30_000, callTimeoutMs: 5_000, backend });
}

/** The cluster of a sketch as the executor `n1` sees it: n1 to n5, of which some are away. */
export interface Sketch {
  readonly members?: readonly string[];
  readonly away?: readonly string[];
  /** Members of whom others say that they run. */
  readonly running?: Readonly<Record<string, readonly string[]>>;
  readonly answers?: Readonly<Record<string, Partial<Answer>>>;
  readonly own?: LocalIdentity | 'unknown';
  readonly ownStatus?: 'up' | 'down' | 'unknown';
  readonly record?: StoredRecord;
  readonly size?: number;
  readonly removed?: readonly string[];
  readonly settings?: Readonly<Record<string, string>>;
  readonly complete?: boolean;
  readonly listFails?: boolean;
  readonly empty?: boolean;
  readonly skipped?: MemberList['skipped'];
  readonly instance?: string | undefined;
  readonly hasLock?: boolean;
  readonly formationBusy?: string;
  readonly strangers?: readonly Registration[];
  readonly store?: string;
  readonly revision?: bigint;
}

export const entry = (node: string, identity = CLUSTER): Registration => ({
  node,
  instance: `${node}#1`,
  state: 'ready',
  identity,
  recordVersion: 3,
  metadata: {},
  order: undefined,
  ref: node,
  ttlMs: undefined,
});

function listOf(sketch: Sketch, members: readonly string[]): MemberList {
  const {
    away = [],
    complete = true,
    empty = false,
    skipped = [],
    strangers = [],
    store = 's-1',
    revision = 9n,
  } = sketch;
  const { size = members.length, removed = [], settings = {} } = sketch;
  const present = [...members.filter((node) => !away.includes(node)).map((node) => entry(node)), ...strangers];
  const stored = sketch.record ?? { kind: 'present', record: record({ size, removed, settings }) };
  return { members: empty ? [] : present, record: stored, complete, skipped, revision, store };
}

export function lookAt(nowMs: number, sketch: Sketch): Look {
  const { members = ['n1', 'n2', 'n3'], away = [], running = {}, own = committed() } = sketch;
  const live = members.filter((node) => !away.includes(node));
  const answers = new Map<string, Answer>();
  for (const node of members.filter((each) => each !== 'n1')) {
    const isAway = away.includes(node);
    const base = isAway
      ? ({ status: 'unknown', knows: 'nothing', running: [] } as const)
      : ({ status: 'up', knows: 'me', running: running[node] ?? [] } as const);
    answers.set(node, { ...base, ...sketch.answers?.[node] });
  }
  const seen = [...live, ...(running['n1'] ?? [])];
  return {
    nowMs,
    self: 'n1',
    instance: 'instance' in sketch ? sketch.instance : 'n1#1',
    hasLock: sketch.hasLock ?? true,
    formationBusy: sketch.formationBusy,
    views: 'peer',
    own:
      own === 'unknown'
        ? { kind: 'unknown', cause: 'DRIVER_FAILED', text: 'no answer', status: 'unknown' }
        : {
            kind: 'known',
            membership: { identity: own, members, running: seen, partitions: [] },
            status: sketch.ownStatus ?? 'up',
          },
    listing: sketch.listFails
      ? { kind: 'failed', cause: 'STORE_FORBIDDEN', text: 'STORE_FORBIDDEN: no' }
      : { kind: 'listed', list: listOf(sketch, members), askedAtMs: nowMs - 1, answeredAtMs: nowMs },
    answers,
  };
}

/** The memory after looks at these, one interval after the other from time 0 on. */
export function rememberAll(policy: CleanupPolicy, looks: readonly Look[]): CleanupMemory {
  return looks.reduce((memory, look) => remember(policy, memory, look), FRESH_MEMORY);
}

export interface Question {
  readonly options?: CleanupOptions;
  /** What is seen at every look. */
  readonly always?: Sketch;
  /** What is seen at the last look, besides. */
  readonly now?: Sketch;
  /** At which times; default: so often and so long that an absence is ripe. */
  readonly atMs?: readonly number[];
  /** What is different at some of these times. */
  readonly at?: Readonly<Record<number, Sketch>>;
}

export const RIPE_AT_MS = [0, 15_000, 30_000, 45_001, 60_001];

export function observationOf(
  policy: CleanupPolicy,
  { always = {}, now, atMs = RIPE_AT_MS, at }: Question,
): CleanupObservation {
  const last = atMs.length - 1;
  const looks = atMs.map((ms, index) => lookAt(ms, { ...always, ...at?.[ms], ...(index === last ? now : {}) }));
  const latest = looks[last];
  if (!latest) throw new RangeError('no look');
  return { ...latest, memory: rememberAll(policy, looks) };
}

export function planOf(question: Question): CleanupPlan {
  const policy = policyOf(question.options);
  return plan(policy, observationOf(policy, question));
}

export const brakes = (made: CleanupPlan): readonly string[] => made.heldBy.map(({ brake }) => brake);
export const brakesOn = (made: CleanupPlan, node: string): readonly string[] =>
  made.candidates.find((each) => each.node === node)?.heldBy.map(({ brake }) => brake) ?? ['no candidate'];
