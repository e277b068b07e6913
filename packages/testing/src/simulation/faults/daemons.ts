import type { ClusterRecord } from '@autocluster/core/backend';
import type { DriverFault, DriverVerb } from '../../daemon/index.js';
import type { Traits } from '../plan.js';
import type { Stage } from '../stage.js';
import { fault, type FaultKind, type Outline } from './fault.js';

const fits = ({ daemon }: Traits): boolean => daemon === 'durable';

const WORK: readonly DriverVerb[] = ['create', 'join', 'committed', 'reset'];
const QUESTIONS: readonly DriverVerb[] = ['membership', 'health'];

function split(stage: Stage, ids: string, side: readonly string[]): void {
  const other = stage.names.filter((name) => !side.includes(name));
  if (side.length === 0 || other.length === 0) return;
  stage.daemons.partition([side, other]);
  stage.struck(ids, side.join(' '));
}

const side = ({ traits, chance }: Outline): readonly string[] =>
  Array.from({ length: traits.nodes }, (_, index) => `n${index + 1}`).filter(() => chance(0.4));

const trouble = ({ pick, below }: Outline) => ({
  kind: pick(['fail', 'fail', 'hang', 'hang-until-abort']),
  afterSteps: below(6),
});

export function troubleOf(kind: string, afterSteps: number): DriverFault {
  if (kind === 'fail') return { kind: 'fail', afterSteps };
  return { kind: kind === 'hang' ? 'hang' : 'hang-until-abort', afterSteps };
}

/** A record of a cluster that was there before the store knew of any. */
const otherRecord = (clusterId: string, createdBy: string, size: number): ClusterRecord => ({
  clusterId,
  generation: 1,
  createdBy,
  createdAt: '2025-12-31T00:00:00.000Z',
  token: 1n,
  version: 1,
  size,
  idle: false,
  removed: [],
  settings: {},
  extra: {},
});

/** What happens to daemons, their disks, and the network between them. */
export const DAEMON_FAULTS: readonly FaultKind[] = [
  fault('39', {
    title: "the daemon's work fails or hangs on the way",
    liesInWait: true,
    fits,
    draw: (outline) => ({
      node: outline.node(),
      verbs: WORK.filter(() => outline.chance(0.5)),
      times: 1 + outline.below(3),
      forMs: outline.traits.ttlMs + outline.ttls(3),
      ...trouble(outline),
    }),
    strike(stage, { node, verbs, times, forMs, kind, afterSteps }, id) {
      stage.strikeDaemon(id, node, { ...troubleOf(kind, afterSteps), verbs, times }, forMs);
    },
  }),
  fault('39a', {
    title: 'the daemon does not answer questions',
    fits,
    draw: (outline) => ({
      node: outline.node(),
      verbs: [outline.pick(QUESTIONS)],
      chance: outline.pick([0.3, 1]),
      forMs: outline.ttls(2),
      ...trouble(outline),
    }),
    strike(stage, { node, verbs, chance, forMs, kind }, id) {
      stage.strikeDaemon(id, node, { ...troubleOf(kind, 0), verbs, chance }, forMs);
    },
  }),
  fault('39b', {
    title: 'the driver says that work is done which it has not done',
    liesInWait: true,
    fits,
    draw: (outline) => ({
      node: outline.node(),
      verb: outline.pick(['join', 'create', 'reset'] as const),
    }),
    strike(stage, { node, verb }, id) {
      stage.strikeDaemon(id, node, { kind: 'pretend', verbs: [verb], times: 1 }, stage.plan.healAtMs);
    },
  }),
  fault('41', {
    title: 'the network between the daemons is parted, in both directions or in one',
    fits,
    draw: (outline) => ({ side: side(outline), oneWay: outline.chance(0.3), forMs: outline.ttls(3) }),
    strike(stage, { side: part, oneWay, forMs }, id) {
      const other = stage.names.filter((name) => !part.includes(name));
      if (part.length === 0 || other.length === 0) return;
      if (oneWay) for (const from of part) for (const to of other) stage.daemons.cut(from, to);
      else stage.daemons.partition([part, other]);
      stage.struck(id, part.join(' '));
      stage.during(forMs, () => stage.daemons.heal());
    },
  }),
  fault('41a', {
    title: 'two daemons do not reach each other, and all others reach both',
    fits,
    draw: ({ node, ttls, pick, traits }) => ({
      node: node(),
      other: node(),
      forMs: pick([ttls(3), 6 * traits.ttlMs]),
    }),
    strike(stage, { node, other, forMs }, id) {
      if (node === other) return;
      stage.daemons.cut(node, other);
      stage.struck(id, `${node} ${other}`);
      stage.during(forMs, () => stage.daemons.heal());
    },
  }),
  fault('42', {
    title: 'a majority is cut off from the store and from the minority',
    fits,
    draw: (outline) => ({ side: side(outline), forMs: outline.ttls(3) }),
    strike(stage, { side: part, forMs }, id) {
      const minority = part.slice(0, Math.floor((stage.names.length - 1) / 2));
      split(stage, id, minority);
      for (const name of stage.names) {
        const actor = minority.includes(name) ? undefined : stage.current(name);
        if (actor) stage.strikeCalls(id, actor, { kind: 'fail', code: 'STORE_UNREACHABLE' }, forMs);
      }
      stage.during(forMs, () => stage.daemons.heal());
    },
  }),
  fault('43', {
    title: 'a node reaches the store, and none of the others',
    fits,
    draw: ({ node, ttls }) => ({ node: node(), forMs: ttls(3) }),
    strike(stage, { node, forMs }, id) {
      split(stage, id, [node]);
      stage.during(forMs, () => stage.daemons.heal());
    },
  }),
  fault('44', {
    title: 'a join takes longer than a TTL',
    liesInWait: true,
    fits,
    draw: ({ node, traits, random }) => ({ node: node(), byMs: traits.ttlMs * (1 + random.next()) }),
    strike: (stage, { node, byMs }, id) =>
      stage.strikeDaemon(id, node, { kind: 'slow', ms: byMs, verbs: ['join'], times: 1 }, stage.plan.healAtMs),
  }),
  fault('45', {
    title: 'a join has succeeded, and its answer is lost',
    liesInWait: true,
    fits,
    draw: ({ node }) => ({ node: node() }),
    strike: (stage, { node }, id) =>
      stage.strikeDaemon(id, node, { kind: 'fail', afterSteps: 5, verbs: ['join'], times: 1 }, stage.plan.healAtMs),
  }),
  fault('52', {
    title: 'a daemon stops and starts again and again',
    fits,
    // Short against a lease, or long enough for a member to be taken back.
    draw: ({ node, traits, below, pick, ttls }) => ({
      node: node(),
      times: 1 + below(3),
      everyMs: pick([200 + ttls(1), 200 + ttls(1), traits.ttlMs * (4 + below(5))]),
    }),
    strike(stage, { node, times, everyMs }, id) {
      const daemon = stage.daemons.daemon(node);
      const flap = (left: number) => {
        if (left === 0 || stage.nowMs >= stage.plan.healAtMs) return;
        daemon.stop();
        stage.struck(id, node);
        stage.during(everyMs / 2, () => stage.machines.startDaemon(node));
        stage.later(everyMs, () => flap(left - 1));
      };
      flap(times);
    },
  }),
  fault('53', {
    title: 'two clusters of one name exist already',
    fits: ({ daemon, nodes }) => daemon === 'durable' && nodes >= 4,
    isEarly: true,
    draw: ({ traits, below }) => ({ first: 2 + below(traits.nodes - 3) }),
    strike(stage, { first }, id) {
      const [left, right] = [stage.names.slice(0, first), stage.names.slice(first)];
      stage.daemons.existingCluster(left, otherRecord('older-left', left[0] ?? 'n1', left.length));
      stage.daemons.existingCluster(right, otherRecord('older-right', right[0] ?? 'n1', right.length));
      for (const name of stage.names) stage.truth.noteIdentity(name);
      stage.struck(id, left.join(' '));
    },
  }),
];
