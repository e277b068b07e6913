import type { DriverVerb } from '../../daemon/index.js';
import type { Traits } from '../plan.js';
import type { Stage } from '../stage.js';
import { troubleOf } from './daemons.js';
import { fault, type FaultKind, type Outline } from './fault.js';

const durable = ({ daemon }: Traits): boolean => daemon === 'durable';

const REMOVALS: readonly DriverVerb[] = ['forget', 'afterForget'];

/** Some member that can be told to do something for the whole cluster. */
const someMember = ({ living }: Stage) => living.find(({ formedIn, running }) => formedIn !== undefined && running);

const leaving = ({ node, ttls, traits, random }: Outline) => ({
  node: node(),
  afterMs: Math.round(random.next() * 2 * traits.ttlMs),
  backAfterMs: ttls(4),
});

function leave(stage: Stage, id: string, { node, afterMs, backAfterMs }: ReturnType<typeof leaving>): void {
  stage.later(afterMs, () => {
    const actor = stage.current(node);
    if (actor?.formedIn === undefined || !actor.running || actor.leaving) return;
    stage.struck(id, actor.label);
    actor.leaving = true;
    // It goes on as before when it cannot leave; who has ended is set up again.
    void actor.node.leave().catch(() => void (actor.leaving = actor.formedIn === undefined));
    void actor.node.ended.then(() => stage.during(backAfterMs, () => stage.launchLater(node, 0)));
  });
}

/** What people tell nodes to do: no fault, and done at the wrong moment all the same. */
export const OPERATOR_FAULTS: readonly FaultKind[] = [
  fault('39c', {
    title: 'a leave, or a removal and what follows it, fails or hangs in the daemon, or is said to be done',
    liesInWait: true,
    fits: durable,
    draw: (outline) => ({
      verbs: ['leave', ...REMOVALS.filter(() => outline.chance(0.6))] as const,
      times: 1 + outline.below(3),
      kind: outline.pick(['fail', 'hang', 'hang-until-abort', 'pretend']),
      afterSteps: outline.below(2),
      leaves: true,
      ...leaving(outline),
    }),
    strike(stage, { verbs, times, kind, afterSteps, leaves, ...values }, id) {
      const trouble = kind === 'pretend' ? { kind: 'pretend' as const } : troubleOf(kind, afterSteps);
      stage.strikeDaemon(id, values.node, { ...trouble, verbs, times }, stage.plan.healAtMs);
      if (leaves) leave(stage, id, values);
    },
  }),
  fault('66', {
    title: 'a node is told to leave for good, and is set up anew later',
    draw: leaving,
    strike: (stage, values, id) => leave(stage, id, values),
  }),
  fault('67', {
    title: 'cleanup is paused by somebody, and resumed later',
    fits: (traits) => durable(traits) && traits.cleanup !== 'off',
    draw: ({ ttls, traits }) => ({ forMs: traits.ttlMs + ttls(4) }),
    strike(stage, { forMs }, id) {
      const actor = someMember(stage);
      if (!actor) return;
      stage.struck(id, actor.label);
      void actor.node.cleanup.pause('somebody looks at it').catch(() => undefined);
      stage.during(
        forMs,
        () =>
          void someMember(stage)
            ?.node.cleanup.resume()
            .catch(() => undefined),
      );
    },
  }),
];
