import type { NodeId } from '@autocluster/core/backend';
import type { LocalIdentity } from '@autocluster/core/driver';
import type { DaemonEvent } from '../../daemon/index.js';
import type { Actor } from '../actor.js';
import type { Call, NodeFact } from '../facts.js';
import { propagationMs } from './creating.js';
import type { Court } from './oracle.js';

/** What was said of a daemon's data before they were lost may be on its way for so long. */
const LATE_MS = 60_000;

interface Gap {
  readonly actor: Actor;
  readonly fromMs: number;
  untilMs: number;
}

/** When a process was halted, or asked its daemon and got no answer: when it goes on, so does what it said before. */
function watchGaps({ stage }: Court) {
  const gaps: Gap[] = [];
  /** When the first question was sent that has no answer yet. */
  const askedMs = new Map<Actor, number>();
  const gapsOf = (node: NodeId): readonly Gap[] => {
    const unanswered = [...askedMs].map(([actor, fromMs]) => ({ actor, fromMs, untilMs: Number.POSITIVE_INFINITY }));
    return [...gaps, ...unanswered].filter(({ actor }) => actor.name === node).sort((a, b) => b.fromMs - a.fromMs);
  };
  return {
    node: (actor: Actor, { kind }: NodeFact): void => {
      if (kind === 'paused' || kind === 'suspended')
        gaps.push({ actor, fromMs: stage.nowMs, untilMs: Number.POSITIVE_INFINITY });
      if (kind === 'crashed' || kind === 'ended') askedMs.delete(actor);
      if (kind !== 'resumed' && kind !== 'crashed') return;
      for (const gap of gaps) if (gap.actor === actor) gap.untilMs = Math.min(gap.untilMs, stage.nowMs);
    },
    sent: ({ actor, verb }: Call): void => {
      if (verb === 'membership' && !askedMs.has(actor)) askedMs.set(actor, stage.nowMs);
    },
    answered: ({ actor, verb, end, signal }: Call): void => {
      if (verb !== 'membership' || end?.kind !== 'resolved' || signal.aborted) return;
      const fromMs = askedMs.get(actor) ?? stage.nowMs;
      askedMs.delete(actor);
      if (stage.nowMs - fromMs > stage.timing.callTimeoutMs) gaps.push({ actor, fromMs, untilMs: stage.nowMs });
    },
    /** That moment, and as much earlier as these gaps have lasted since. */
    before: (node: NodeId, ms: number): number => {
      let sinceMs = ms;
      let edgeMs = stage.nowMs;
      for (const { fromMs, untilMs } of gapsOf(node)) {
        const endMs = Math.min(untilMs, edgeMs);
        if (endMs > sinceMs) sinceMs -= Math.max(0, endMs - fromMs);
        edgeMs = Math.min(edgeMs, fromMs);
      }
      return sinceMs;
    },
  };
}

/** When each daemon could last be asked what it has: of one that is down nobody knows, and nobody can tell that its disk is gone. */
export function watchAskable(court: Court) {
  const { stage } = court;
  const windowMs = 2 * propagationMs(court) + LATE_MS;
  const { before, ...gaps } = watchGaps(court);
  const downs = new Map<NodeId, { readonly fromMs: number; readonly untilMs: number }>();
  const sinceDown = (node: NodeId): number | undefined => {
    const down = downs.get(node);
    return down && stage.nowMs - down.untilMs < windowMs ? down.fromMs : undefined;
  };
  return {
    ...gaps,
    daemon: ({ kind, ...event }: DaemonEvent): void => {
      if (!('node' in event)) return;
      const { node } = event;
      const isDown = kind === 'stopped' || kind === 'powered-off';
      const fromMs = sinceDown(node) ?? stage.nowMs;
      if (isDown) downs.set(node, { fromMs, untilMs: Number.POSITIVE_INFINITY });
      if (kind === 'started') downs.set(node, { fromMs, untilMs: stage.nowMs });
    },
    /** All that it had since it can have been heard last by whoever speaks of it now. */
    lately: (node: NodeId): readonly LocalIdentity[] =>
      court.truth.identitiesSince(node, before(node, (sinceDown(node) ?? stage.nowMs) - windowMs)),
  };
}
