import type { Fault, FaultScope, Verb } from '../../store/index.js';
import type { Actor } from '../actor.js';
import type { Stage } from '../stage.js';
import { fault, type FaultKind, type Outline } from './fault.js';

const VERBS: readonly Verb[] = ['register', 'unregister', 'list', 'lock', 'unlock'];

function someVerbs({ chance, pick }: Outline): readonly Verb[] {
  const verbs = VERBS.filter(() => chance(0.4));
  return verbs.length > 0 ? verbs : [pick(VERBS)];
}

/** Which calls of one node are struck, how many, and for how long. */
const scope = (outline: Outline, ttls = 1) => ({
  node: outline.node(),
  verbs: someVerbs(outline),
  times: outline.pick([1, 1, 2, 5, 1_000]),
  chance: outline.pick([0.3, 0.7, 1]),
  forMs: outline.ttls(ttls),
});

interface Scope {
  readonly node: string;
  readonly verbs: readonly Verb[];
  readonly times: number;
  readonly chance: number;
  readonly forMs: number;
}

function strike(stage: Stage, id: string, { node, verbs, times, chance, forMs }: Scope, what: Fault): void {
  const begin = (actor: Actor) => stage.strikeCalls(id, actor, { ...what, verbs, times, chance }, forMs);
  const actor = stage.current(node);
  if (actor) begin(actor);
  // Whoever begins with the answers of another store forms another cluster there, as it should.
  else if (what.kind === 'partial-list')
    stage.atNext({ verb: 'register', node, when: 'sent' }, begin, stage.plan.healAtMs);
}

const onLists = (outline: Outline) => ({ ...scope(outline), verbs: ['list'] as const });

/** What one node's calls to the store meet. */
export const ANSWER_FAULTS: readonly FaultKind[] = [
  fault('3', {
    title: 'a list shows what was a few changes ago',
    draw: (outline) => ({ ...onLists(outline), back: 1 + outline.below(6), underLock: outline.chance(0.3) }),
    strike(stage, { underLock, back, ...scope }, id) {
      const begin = () => strike(stage, id, scope, { kind: 'stale-list', changesBack: back });
      if (underLock) stage.atNext({ verb: 'lock', node: scope.node, when: 'answered' }, begin, stage.plan.healAtMs);
      else begin();
    },
  }),
  fault('4', {
    title: 'an answer is lost after the store has done it',
    draw: (outline) => scope(outline),
    strike: (stage, values, id) => strike(stage, id, values, { kind: 'drop-reply' }),
  }),
  fault('4a', {
    title: 'the store answers with a failure what it has done',
    draw: (outline) => ({ ...scope(outline), code: outline.pick(['STORE_UNREACHABLE', 'STORE_FAILED']) }),
    strike(stage, values, id) {
      const code = values.code === 'STORE_FAILED' ? 'STORE_FAILED' : 'STORE_UNREACHABLE';
      strike(stage, id, values, { kind: 'fail', code, applied: true });
    },
  }),
  fault('5', {
    title: 'an answer is slower than the lease',
    draw: (outline) => ({ ...scope(outline), verbs: ['lock', 'register'] as const, byMs: outline.traits.ttlMs }),
    strike: (stage, values, id) => strike(stage, id, values, { kind: 'delay', replyMs: values.byMs * 1.1 }),
  }),
  fault('6', {
    title: 'a request arrives late, or once more after others',
    draw: (outline) => ({ ...scope(outline), twice: outline.chance(0.6), byMs: outline.ttls(2) }),
    strike(stage, values, id) {
      const { byMs, twice } = values;
      strike(stage, id, values, twice ? { kind: 'duplicate', afterMs: byMs } : { kind: 'delay', requestMs: byMs });
      // What was on its way when its process ended holds its name for so much longer.
      stage.truth.prolongedMs += byMs;
    },
  }),
  fault('6a', {
    title: 'a node stops, and copies of what it said before arrive when it is back',
    draw: ({ node, ttls, random }) => ({ node: node(), byMs: 200 + ttls(1), inMs: random.next() * 2_000 }),
    strike(stage, { node, byMs, inMs }, id) {
      const actor = stage.current(node);
      if (!actor) return;
      stage.strikeCalls(id, actor, { kind: 'duplicate', afterMs: byMs, verbs: VERBS }, inMs + byMs);
      // A copy of a renewal holds its name for so much longer.
      stage.truth.prolongedMs += byMs;
      stage.later(inMs, () => {
        if (stage.current(node) === actor) stage.restart(actor, 1);
      });
    },
  }),
  fault('6b', {
    title: 'a commit is on its way for longer than its lock is held',
    liesInWait: true,
    draw: ({ node, random }) => ({ node: node(), share: 1 + random.next() * 2 }),
    strike(stage, { node, share }, id) {
      const delay = () => {
        const actor = stage.current(node);
        const requestMs = share * stage.timing.callTimeoutMs;
        if (actor) stage.strikeCalls(id, actor, { kind: 'delay', requestMs, verbs: ['unlock'], times: 1 }, requestMs);
      };
      stage.atNext({ verb: 'create', node, when: 'sent' }, delay, stage.plan.healAtMs);
    },
  }),
  fault('9', {
    title: 'the revision of a list is lower than it was',
    draw: (outline) => ({ ...onLists(outline), by: 1 + outline.below(20) }),
    strike: (stage, values, id) => strike(stage, id, values, { kind: 'lower-revision', by: values.by }),
  }),
  fault('10', {
    title: 'a list is incomplete and says so',
    liesInWait: true,
    draw: onLists,
    strike: (stage, values, id) => strike(stage, id, values, { kind: 'partial-list' }),
  }),
  fault('11', {
    title: 'a list shows nobody and says that it is complete',
    draw: (outline) => ({ ...onLists(outline), keepsRecord: outline.chance(0.5) }),
    strike: (stage, values, id) => strike(stage, id, values, { kind: 'empty-list', keepsRecord: values.keepsRecord }),
  }),
  fault('12', {
    title: 'the store refuses the credentials for a while',
    draw: (outline) => ({ ...scope(outline), code: outline.pick(['STORE_UNAUTHENTICATED', 'STORE_FORBIDDEN']) }),
    strike(stage, values, id) {
      const code = values.code === 'STORE_FORBIDDEN' ? 'STORE_FORBIDDEN' : 'STORE_UNAUTHENTICATED';
      strike(stage, id, values, { kind: 'fail', code });
    },
  }),
  fault('24', {
    title: 'one node reaches only a member of the store without a quorum',
    draw: ({ node, ttls }) => ({ node: node(), forMs: ttls(3) }),
    strike: (stage, { node, forMs }, id) =>
      strike(stage, id, { node, forMs, ...ALL_CALLS }, { kind: 'fail', code: 'STORE_UNREACHABLE' }),
  }),
  fault('25', {
    title: 'the certificate of the store is not accepted for a while',
    draw: ({ node, ttls }) => ({ node: node(), forMs: ttls(2) }),
    strike: (stage, { node, forMs }, id) =>
      strike(stage, id, { node, forMs, ...ALL_CALLS }, { kind: 'fail', code: 'STORE_TLS' }),
  }),
  fault('26', {
    title: 'the name of the store leads to another one for a moment',
    draw: ({ node, random }) => ({ node: node(), share: random.next() }),
    strike(stage, { node, share }, id) {
      const actor = stage.current(node);
      // A node that has seen no other store cannot tell that this one is wrong.
      if (!actor || stage.truth.lists.get(actor)?.list.complete !== true) return;
      const forMs = share * (stage.timing.renewalMs + stage.timing.callTimeoutMs);
      strike(stage, id, { node, forMs, ...ALL_CALLS }, { kind: 'elsewhere' });
    },
  }),
  fault('27', {
    title: 'requests and answers are nearly as slow as a call may be',
    draw: (outline) => ({ ...scope(outline, 2), share: outline.random.next() * 1.2 }),
    strike(stage, values, id) {
      const halfMs = (values.share * stage.timing.callTimeoutMs) / 2;
      strike(stage, id, values, { kind: 'delay', requestMs: halfMs, replyMs: halfMs });
    },
  }),
  fault('28a', {
    title: 'an answer has a shape that no contract allows',
    draw: (outline) => scope(outline),
    strike: (stage, values, id) => strike(stage, id, values, { kind: 'nonsense' }),
  }),
  fault('59', {
    title: 'an endpoint of the store is dead, and half of the calls go there',
    draw: ({ node, ttls }) => ({ node: node(), forMs: ttls(3) }),
    strike: (stage, { node, forMs }, id) =>
      strike(stage, id, { node, forMs, ...ALL_CALLS, chance: 0.5 }, { kind: 'drop-request' }),
  }),
];

const ALL_CALLS = { verbs: VERBS, times: 1_000_000, chance: 1 } as const;

export type CallScope = Fault & FaultScope;
