import type { Actor } from '../actor.js';
import type { Call } from '../facts.js';
import { FORMATION_LOCK } from '@autocluster/core/backend';
import { JOB_LOCK } from '../jobs.js';
import { fault, type FaultKind, type Outline } from './fault.js';

const HOUR_MS = 3_600_000;

/** Every call at which a node can be struck. */
const STEPS = ['register', 'list', 'lock', 'unlock', 'create', 'join', 'committed', 'reset', 'membership'] as const;

/** The calls of one look, of which a decision follows. */
const LOOKS = ['list', 'membership', 'health'] as const;

const step = ({ node, pick, chance, ttls }: Outline) => ({
  node: node(),
  verb: pick(STEPS),
  when: pick(['sent', 'answered']),
  withinMs: ttls(2),
  backAfterMs: chance(0.3) ? 5 : ttls(2),
});

const trapOf = (verb: string, when: string, node: string | undefined) => ({
  verb: verb as Call['verb'],
  node,
  when: when === 'sent' ? ('sent' as const) : ('answered' as const),
});

/** What happens to processes and their clocks. */
export const PROCESS_FAULTS: readonly FaultKind[] = [
  fault('23', {
    title: 'the holder of a lock dies, and the store holds the lock back for a while',
    fits: ({ store }) => store === 'consul',
    draw: ({ pick, ttls }) => ({ lock: pick([FORMATION_LOCK, JOB_LOCK]), backAfterMs: ttls(1) }),
    strike(stage, { lock, backAfterMs }, id) {
      const actor = stage.current(stage.truth.holders.get(lock)?.node);
      if (!actor) return;
      stage.crash(actor);
      stage.launchLater(actor.name, backAfterMs);
      stage.struck(id, actor.label);
    },
  }),
  fault('30', {
    title: 'a process is stopped for a while',
    draw: ({ node, ttls }) => ({ node: node(), forMs: ttls(3) }),
    strike(stage, { node, forMs }, id) {
      const actor = stage.current(node);
      if (!actor?.running) return;
      stage.halt(actor, 'pause', forMs);
      stage.struck(id, actor.label);
    },
  }),
  fault('32', {
    title: 'a process is stopped in the middle of a call',
    liesInWait: true,
    // What it has seen may be old when it goes on.
    draw: (outline) => ({ ...step(outline), verb: outline.pick([...STEPS, ...LOOKS]), forMs: outline.ttls(3) }),
    strike(stage, { node, verb, when, withinMs, forMs }, id) {
      stage.atNext(
        trapOf(verb, when, node),
        (actor) => {
          if (!actor.running) return;
          stage.halt(actor, 'pause', forMs);
          stage.struck(id, actor.label);
        },
        withinMs,
      );
    },
  }),
  fault('33', {
    title: 'somebody sets the wall clock',
    draw: ({ node, pick, random }) => ({ node: node(), byMs: pick([-1, 1]) * pick([500, HOUR_MS]) * random.next() }),
    strike(stage, { node, byMs }, id) {
      const actor = stage.current(node);
      if (!actor) return;
      actor.process.jumpWall(byMs);
      if (byMs < 0) stage.truth.wallSetBackMs.set(actor, stage.nowMs);
      stage.struck(id, actor.label);
    },
  }),
  fault('34', {
    title: 'a machine sleeps for a while: its monotonic clock stands still',
    draw: ({ traits, node, ttls, pick }) => {
      const during = pick(['work', 'work', 'question', 'any', 'any']);
      return { node: node(), forMs: ttls(3) + (during === 'any' ? 0 : traits.ttlMs), during };
    },
    strike(stage, { node, forMs, during }, id) {
      const sleep = (actor: Actor | undefined) => {
        if (!actor?.running) return;
        stage.halt(actor, 'suspend', forMs);
        stage.struck(id, actor.label);
      };
      if (during === 'question') return stage.atNext(trapOf('lock', 'sent', node), sleep, stage.plan.healAtMs);
      const holder = during === 'work' ? stage.truth.holders.get(JOB_LOCK)?.node : undefined;
      sleep(stage.current(holder ?? node));
    },
  }),
  fault('35', {
    title: 'a process is killed in the middle of a call',
    liesInWait: true,
    draw: step,
    strike(stage, { node, verb, when, withinMs, backAfterMs }, id) {
      const kill = (name: string) => {
        const actor = stage.current(name);
        if (!actor) return;
        stage.crash(actor);
        stage.struck(id, actor.label);
        stage.launchLater(name, backAfterMs);
      };
      stage.atNext(trapOf(verb, when, node), (actor) => kill(actor.name), withinMs);
    },
  }),
  fault('36', {
    title: 'a process is told to stop in the middle of a call',
    liesInWait: true,
    draw: step,
    strike(stage, { node, verb, when, withinMs, backAfterMs }, id) {
      stage.atNext(
        trapOf(verb, when, node),
        (actor) => {
          if (!actor.alive) return;
          stage.struck(id, actor.label);
          stage.restart(actor, backAfterMs);
        },
        withinMs,
      );
    },
  }),
  fault('37', {
    title: 'a process has no time: its timers are late by seconds, again and again',
    draw: ({ node, below, random }) => ({ node: node(), times: 2 + below(6), forMs: random.next() * 2_000 }),
    strike(stage, { node, times, forMs }, id) {
      const actor = stage.current(node);
      if (!actor) return;
      const starve = (left: number) => {
        if (left === 0 || actor.crashed || !actor.running || stage.nowMs >= stage.plan.healAtMs) return;
        stage.halt(actor, 'pause', forMs);
        stage.struck(id, actor.label);
        stage.later(2 * forMs + 50, () => starve(left - 1));
      };
      starve(times);
    },
  }),
  fault('38', {
    title: 'a node is started twice',
    // It may find the name free: an operator has deleted the entry of the first one, which is about to be a member.
    draw: ({ node, ttls, chance }) => ({ node: node(), forMs: ttls(2), takesName: chance(0.4) }),
    strike(stage, { node, forMs, takesName }, id) {
      const startTwin = () => {
        const twin = stage.launch(node, { beside: true });
        stage.struck(id, twin.label);
        stage.during(forMs, () => {
          if (twin.alive) stage.crash(twin);
        });
      };
      const takeName = () => {
        stage.cluster.deleteMember(node);
        startTwin();
      };
      if (takesName) stage.atNext(trapOf('join', 'sent', node), takeName, stage.plan.healAtMs);
      else if (stage.current(node)) startTwin();
    },
  }),
  fault('40', {
    title: 'a process crashes again and again',
    draw: ({ node, below, random }) => ({ node: node(), times: 2 + below(4), everyMs: 500 + random.next() * 3_000 }),
    strike(stage, { node, times, everyMs }, id) {
      const crash = (left: number) => {
        const actor = stage.current(node);
        if (!actor || left === 0 || stage.nowMs >= stage.plan.healAtMs) return;
        stage.crash(actor);
        stage.struck(id, actor.label);
        stage.launchLater(node, everyMs / 2);
        stage.later(everyMs, () => crash(left - 1));
      };
      crash(times);
    },
  }),
  fault('46', {
    title: 'whoever holds the formation lock is killed when it commits',
    liesInWait: true,
    draw: ({ pick, ttls }) => ({
      verb: pick(['create', 'unlock', 'committed']),
      when: pick(['sent', 'answered']),
      ms: ttls(2),
    }),
    strike(stage, { verb, when, ms }, id) {
      const kill = (name: string) => {
        const actor = stage.current(name);
        if (!actor) return;
        stage.crash(actor);
        stage.struck(id, actor.label);
        stage.launchLater(name, ms);
      };
      stage.atNext(trapOf(verb, when, undefined), (actor) => kill(actor.name), stage.plan.healAtMs);
    },
  }),
  fault('51', {
    title: 'a node is back at once, while the entry of its former run lives',
    draw: ({ node, random }) => ({ node: node(), afterMs: random.next() * 100 }),
    strike(stage, { node, afterMs }, id) {
      const actor = stage.current(node);
      if (!actor) return;
      stage.crash(actor);
      stage.struck(id, actor.label);
      stage.launchLater(node, afterMs);
    },
  }),
];
