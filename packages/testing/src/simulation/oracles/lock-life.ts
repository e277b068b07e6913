import type { LockGrant, LockRequest } from '@autocluster/core/backend';
import type { Actor } from '../actor.js';
import { JOB_LOCK } from '../jobs.js';
import { outcomeOf } from '../outcome.js';
import { type Court, type Oracle, together, type Watcher } from './oracle.js';

/** Clocks are compared to this, in ms: they are sums of fractions. */
const TOLERANCE_MS = 1;

/** A tenth of the TTL is for stopping, and both clocks may be wrong by a thousandth. */
const deadlineOf = (ttlMs: number): number => (ttlMs * 0.9 * 0.999) / 1.001;

const L5: Oracle = {
  id: 'L5',
  holds: 'a lock is lost when the store says so or its deadline has come, and not a moment earlier or later',
  watch({ check, truth, stage }) {
    const sinceSentMs = (attempt: string | undefined): number | undefined => {
      const known = attempt === undefined ? undefined : truth.attempts.get(attempt);
      if (known?.goodSentOwnMs === undefined) return undefined;
      return known.actor.clock.monotonicMs() - known.goodSentOwnMs;
    };
    return {
      node(actor, fact) {
        if (fact.kind !== 'job-aborted' && fact.kind !== 'job-step') return;
        const job = truth.jobs.get(fact.token);
        const attempt = job?.actor === actor ? job.attempt : undefined;
        const sinceMs = sinceSentMs(attempt);
        if (attempt === undefined || sinceMs === undefined) return;
        const lockDeadlineMs = deadlineOf(truth.attempts.get(attempt)?.grantedTtlMs ?? stage.traits.ttlMs);
        if (fact.kind === 'job-step') {
          const inTime = !fact.sure || sinceMs < lockDeadlineMs + TOLERANCE_MS;
          return check(inTime, () => `${actor.label} is sure ${sinceMs} ms after its last good request`);
        }
        const known = truth.attempts.get(attempt);
        const told = known?.toldLost === true || known?.shortenedLate === true;
        const due = sinceMs > lockDeadlineMs - TOLERANCE_MS;
        // Of an answer and a deadline that both came while it stood still, either may be looked at first.
        const stood = actor.runningSinceMs === stage.nowMs;
        check(told || due || stood, () => `${actor.label} gave up after ${sinceMs} of ${lockDeadlineMs} ms`);
      },
    };
  },
};

/** Work begins under a grant that is in force. */
function watchGrantsUsed({ check, truth, stage }: Court): Watcher {
  return {
    store(event) {
      if (event.kind !== 'locked') return;
      const asked = truth.attempts.get(event.attempt);
      // What reaches another store late lapses there: that store never knew that the attempt was over.
      const released = asked?.unlockSentMs !== undefined && asked.unlockSentMs > truth.replacedMs;
      // Of a release without an answer nobody knows whether it came before this, nor of one that another store answered.
      const known = asked?.releaseAnswered === true;
      check(!released || !known, () => `${event.lock} is granted to ${event.attempt}, which ${event.node} has ended`);
    },
    node(actor, fact) {
      if (fact.kind !== 'job-began') return;
      check(!fact.lost, () => `${actor.label} begins with token ${fact.token}, which it has lost by its own clock`);
      // Of a store that was exchanged, a grant with this token may be that of another attempt.
      if (truth.isRevoked(actor, JOB_LOCK, fact.token, stage.nowMs)) return;
      const grant = truth.grants.get(fact.token);
      // How long a machine slept whose clock was set back nobody can tell.
      const cannotTell = truth.suspendedMs.has(actor) && truth.wallSetBackMs.has(actor);
      check(
        cannotTell || grant?.ended === undefined,
        () => `${actor.label} begins with token ${fact.token}, which is over`,
      );
    },
    end() {
      for (const grant of truth.holders.values()) {
        const owner = truth.attempts.get(grant.attempt)?.actor;
        const usedMs = truth.attempts.get(grant.attempt)?.heldAtMs ?? grant.sinceMs;
        const oldMs = stage.nowMs - Math.max(grant.sinceMs, usedMs);
        if (
          !owner ||
          grant.sinceMs <= truth.replacedMs ||
          oldMs < 2 * stage.timing.latestTakeoverMs + truth.prolongedMs
        )
          continue;
        const used = grant.lock !== JOB_LOCK || truth.jobs.has(grant.token);
        check(owner.alive && used, () => `${grant.lock} is held by ${owner.label} since ${oldMs} ms, for nothing`);
      }
    },
  };
}

interface Asked {
  readonly actor: Actor;
  lastSentMs: number;
  flying: number;
  /** What the last answer said; undefined when none came. */
  outcome: string | undefined;
  givenUpMs: number | undefined;
}

/** Whoever gives up an attempt that may have got the lock looks what became of it, instead of letting it lapse. */
function watchGivenUp({ check, stage, truth }: Court): Watcher {
  const attempts = new Map<string, Asked>();
  const wanted = new Map<Actor, Set<string>>();
  /** Jobs that wait for the lock, in the order in which they asked for it. */
  const waiting = new Map<Actor, Set<number>>();
  const asked = (actor: Actor, attempt: string): Asked => {
    const nothing = { actor, lastSentMs: stage.nowMs, flying: 0, outcome: undefined, givenUpMs: undefined };
    const known = attempts.get(attempt) ?? nothing;
    attempts.set(attempt, known);
    return known;
  };
  return {
    sent({ actor, verb, request }) {
      if (verb === 'unlock') {
        const known = attempts.get((request as { readonly grant: LockGrant }).grant.attempt);
        if (known) known.lastSentMs = stage.nowMs;
      } else if (verb === 'lock') {
        const { name, attempt, held } = request as LockRequest;
        if (name !== JOB_LOCK || held) return;
        const known = asked(actor, attempt);
        known.lastSentMs = stage.nowMs;
        known.flying += 1;
        wanted.set(actor, (wanted.get(actor) ?? new Set()).add(attempt));
      }
    },
    answered({ actor, verb, request, end }) {
      const known = verb === 'lock' ? attempts.get((request as LockRequest).attempt) : undefined;
      if (!known || known.actor !== actor || (request as LockRequest).held) return;
      known.flying -= 1;
      known.outcome = end?.kind === 'resolved' ? outcomeOf(end.value) : undefined;
    },
    node(actor, fact) {
      if (fact.kind !== 'job-asked' && fact.kind !== 'job-began' && fact.kind !== 'job-refused') return;
      const jobs = waiting.get(actor) ?? new Set();
      waiting.set(actor, jobs);
      const [first] = jobs;
      if (fact.kind === 'job-asked') jobs.add(fact.job);
      else jobs.delete(fact.job);
      // Whoever waits behind another acquisition of its process has asked the store for nothing.
      if (fact.kind === 'job-refused' && first !== fact.job) return;
      if (fact.kind === 'job-refused')
        for (const each of wanted.get(actor) ?? []) asked(actor, each).givenUpMs = stage.nowMs;
      wanted.delete(actor);
      if (fact.kind !== 'job-began') return;
      // What another acquisition of this process gave up was not this one.
      const used = attempts.get(truth.attemptOf(actor, JOB_LOCK, fact.token) ?? '');
      if (used) used.givenUpMs = undefined;
    },
    store(event) {
      if (event.kind !== 'lock-expired' || event.lock !== JOB_LOCK) return;
      const { actor, givenUpMs, flying = 0, outcome, lastSentMs = 0 } = attempts.get(event.attempt) ?? {};
      if (givenUpMs === undefined || !actor?.alive || flying > 0 || outcome === 'busy' || outcome === 'lost') return;
      const { runningSinceMs = Number.POSITIVE_INFINITY } = actor;
      const hadTime = runningSinceMs < givenUpMs - stage.traits.ttlMs;
      check(
        lastSentMs >= givenUpMs || !hadTime,
        () => `${actor.label} gave up ${event.attempt}, and let its grant lapse`,
      );
    },
  };
}

const L6: Oracle = {
  id: 'L6',
  holds: 'work begins under a grant that is in force, and a grant that nobody waits for does not stay',
  watch: (court) => together(watchGrantsUsed(court), watchGivenUp(court)),
};

const L9: Oracle = {
  id: 'L9',
  holds: 'a lock is released after the work under it has settled, and then it is',
  watch: ({ check, truth }) => ({
    sent(call) {
      if (call.verb !== 'unlock') return;
      const { token, attempt } = (call.request as { readonly grant: LockGrant }).grant;
      const job = truth.jobs.get(token);
      if (job?.actor !== call.actor || job.attempt !== attempt || job.abortedMs !== undefined) return;
      check(job.settledMs !== undefined, () => `${call.actor.label} releases under its own running work`);
    },
    node(actor, fact) {
      if (fact.kind !== 'job-ended') return;
      const attempt = truth.attemptOf(actor, JOB_LOCK, fact.token);
      const known = attempt === undefined ? undefined : truth.attempts.get(attempt);
      if (known?.actor !== actor || !actor.alive) return;
      const over =
        known.unlockSentMs !== undefined || known.toldLost || truth.grants.get(fact.token)?.ended !== undefined;
      check(over, () => `${actor.label} has ended its work and did not ask for the release`);
    },
  }),
};

const L10: Oracle = {
  id: 'L10',
  holds: 'while the store is healthy, somebody gets a lock that is wanted within the bound',
  watch({ check, truth, stage }) {
    const asked = new Map<number, number>();
    let movedMs = 0;
    return {
      store(event) {
        if ('lock' in event && event.lock === JOB_LOCK) movedMs = event.atMs;
      },
      node(actor, fact) {
        // The lock of work that outlives its node is left to lapse.
        if (fact.kind === 'job-ended' && !actor.alive) movedMs = stage.nowMs;
        if (fact.kind === 'job-asked') asked.set(fact.job, stage.nowMs);
        else if (fact.kind === 'job-began' || fact.kind === 'job-refused') asked.delete(fact.job);
        else if (fact.kind === 'crashed' || fact.kind === 'ended') {
          for (const job of asked.keys()) if (Math.floor(job / 1_000) === actor.number) asked.delete(job);
        }
      },
      end() {
        if (asked.size === 0) return;
        const sinceMs = Math.max(Math.min(...asked.values()), stage.plan.healAtMs, movedMs);
        const longest = Math.max(0, ...[...truth.jobs.values()].map((job) => stage.nowMs - job.beganMs));
        const waitedMs = stage.nowMs - sinceMs - longest;
        const boundMs = stage.timing.latestTakeoverMs + truth.prolongedMs + 20_000;
        check(waitedMs < boundMs, () => `nobody got the lock for ${waitedMs} ms`);
      },
    };
  },
};

const L11: Oracle = {
  id: 'L11',
  holds: 'a lock that was said to be lost is never renewed again',
  watch: ({ check, truth }) => ({
    sent({ actor, verb, request }) {
      if (verb !== 'lock') return;
      const { attempt, held } = request as LockRequest;
      if (!held) return;
      const job = truth.jobs.get(held.token);
      const aborted = job?.actor === actor && job.abortedMs !== undefined;
      const lost = truth.attempts.get(attempt)?.toldLost === true;
      check(!aborted && !lost, () => `${actor.label} renews ${held.name}, which it has lost`);
    },
  }),
};

const L12: Oracle = {
  id: 'L12',
  holds: 'two acquisitions of one process are two attempts, and never have the lock at one time',
  watch({ check, truth }) {
    const open = new Map<Actor, Map<number, bigint>>();
    return {
      node(actor, fact) {
        if (fact.kind === 'job-ended' || fact.kind === 'job-settled') return void open.get(actor)?.delete(fact.job);
        if (fact.kind !== 'job-began') return;
        const jobs = open.get(actor) ?? new Map<number, bigint>();
        open.set(actor, jobs);
        const isShared = [...jobs.values()].includes(fact.token);
        check(!isShared, () => `${actor.label} works twice with token ${fact.token}`);
        for (const token of jobs.values()) {
          const job = truth.jobs.get(token);
          if (!job || job.token === fact.token || job.beganMs <= truth.replacedMs) continue;
          const over = job.abortedMs !== undefined || truth.grants.get(token)?.ended;
          check(Boolean(over), () => `${actor.label} works with tokens ${token} and ${fact.token} at once`);
        }
        jobs.set(fact.job, fact.token);
      },
    };
  },
};

const L13: Oracle = {
  id: 'L13',
  holds: 'a renewal that finds its key gone or foreign is a loss',
  watch: ({ check, truth, stage }) => ({
    answered({ actor, verb, request, sentMs, end }) {
      if (verb !== 'lock' || end?.kind !== 'resolved') return;
      const { held } = request as LockRequest;
      if (!held || outcomeOf(end.value) !== 'held') return;
      const grant = truth.grants.get(held.token);
      const endedMs = grant?.attempt === held.attempt ? grant.endedMs : undefined;
      const wasThere = endedMs === undefined || endedMs >= sentMs;
      check(wasThere, () => `${actor.label} is told that it has ${held.name}, which ended at ${endedMs}`);
    },
    node(actor, fact) {
      if (fact.kind !== 'job-step' || !fact.sure) return;
      const job = truth.jobs.get(fact.token);
      const attempt = job?.actor === actor ? job.attempt : undefined;
      const lost = attempt !== undefined && truth.attempts.get(attempt)?.toldLost === true;
      check(!lost, () => `${actor.label} is sure of a lock that the store said is lost`);
    },
    end() {
      for (const job of truth.jobs.values()) {
        const { endedMs, ended } = truth.grants.get(job.token) ?? {};
        if (job.beganMs <= truth.replacedMs) continue;
        if (endedMs === undefined || job.abortedMs !== undefined || job.settledMs !== undefined) continue;
        const sinceMs = stage.nowMs - Math.max(endedMs, job.actor.cleanSinceMs);
        const boundMs = stage.timing.renewalMs + 3 * stage.timing.callTimeoutMs;
        check(sinceMs < boundMs, () => `${job.actor.label} works on ${sinceMs} ms after its lock was ${ended}`);
      }
    },
  }),
};

export const LOCK_LIFE_ORACLES: readonly Oracle[] = [L5, L6, L9, L10, L11, L12, L13];
