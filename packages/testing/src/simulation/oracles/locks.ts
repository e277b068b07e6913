import type { LockRequest } from '@autocluster/core/backend';
import { FORMATION_LOCK } from '@autocluster/core/backend';
import type { Call } from '../facts.js';
import { JOB_LOCK } from '../jobs.js';
import type { Job } from '../truth.js';
import type { Court, Oracle } from './oracle.js';

const L1: Oracle = {
  id: 'L1',
  holds: 'no two grants of one lock are in force at one time',
  watch: ({ check, truth }) => ({
    store(event) {
      if (event.kind !== 'locked') return;
      const { holderBefore } = truth;
      check(!holderBefore, () => `${event.lock}: granted to ${event.node} while ${holderBefore?.node} has it`);
    },
  }),
};

const L2: Oracle = {
  id: 'L2',
  holds: 'tokens of successive grants strictly increase',
  watch({ check }) {
    const highest = new Map<string, bigint>();
    return {
      store(event) {
        if (event.kind === 'operator' && (event.action === 'wipe' || event.action === 'restore')) highest.clear();
        if (event.kind !== 'locked') return;
        const before = highest.get(event.lock) ?? -1n;
        check(event.token > before, () => `${event.lock}: token ${event.token} after ${before}`);
        highest.set(event.lock, event.token);
      },
    };
  },
};

const L3: Oracle = {
  id: 'L3',
  holds: 'the record is only written under the grant whose token it carries',
  watch: ({ check, truth }) => ({
    store(event) {
      if (event.kind !== 'record-committed' || event.record.kind !== 'present') return;
      const { token } = event.record.record;
      const holder = truth.holders.get(FORMATION_LOCK);
      const fenced = event.underLock && event.token === token && holder?.token === token;
      check(fenced, () => `written with token ${token} while ${holder?.token ?? 'nobody'} has the lock`);
    },
  }),
};

/** A machine that slept does not know it by its monotonic clock. How long that may matter, in ms. */
const SLEEP_MATTERS_MS = 600_000;

export function mayNotKnow(
  { truth, stage }: Court,
  { actor, token, beganMs }: Pick<Job, 'actor' | 'token' | 'beganMs'>,
  lock: string,
) {
  const sleptMs = stage.nowMs - (truth.suspendedMs.get(actor) ?? Number.NEGATIVE_INFINITY);
  return !actor.running || actor.crashed || truth.isRevoked(actor, lock, token, beganMs) || sleptMs < SLEEP_MATTERS_MS;
}

/** Work of daemons that runs under the formation lock, by its token. */
function worksUnderLock(): { sent(call: Call): void; answered(call: Call): void; readonly running: Set<Call> } {
  const running = new Set<Call>();
  return {
    running,
    sent(call) {
      if (call.verb === 'create' || call.verb === 'join') running.add(call);
    },
    answered: (call) => void running.delete(call),
  };
}

const tokenOf = ({ request }: Call): bigint | undefined => (request as { token: bigint | undefined }).token;

const L4: Oracle = {
  id: 'L4',
  holds: 'nobody gets a lock while its former holder, who runs, has not been told that it is lost',
  watch(court) {
    const { check, truth, stage } = court;
    const works = worksUnderLock();
    return {
      ...works,
      store(event) {
        if (event.kind !== 'locked') return;
        if (event.lock === JOB_LOCK) {
          for (const job of truth.jobs.values()) {
            if (job.token >= event.token || mayNotKnow(court, job, JOB_LOCK) || job.settledMs !== undefined) continue;
            check(job.abortedMs !== undefined, () => `${event.node} got it, ${job.actor.label} was not told`);
            toldInTime(court, job);
          }
        }
        if (event.lock !== FORMATION_LOCK) return;
        for (const call of works.running) {
          const token = tokenOf(call);
          if (
            token === undefined ||
            token >= event.token ||
            mayNotKnow(court, { actor: call.actor, token, beganMs: call.sentMs }, FORMATION_LOCK)
          )
            continue;
          const told = call.signal.aborted || call.end !== undefined;
          check(told, () => `${event.node} got it, ${call.verb} of ${call.actor.label} runs on`);
        }
      },
      node(actor, fact) {
        if (fact.kind !== 'job-step' || !fact.sure) return;
        const { token } = fact;
        const job = truth.jobs.get(token);
        if (job?.actor !== actor || truth.isRevoked(actor, JOB_LOCK, token, job.beganMs)) return;
        const wallSetBack = stage.nowMs - (truth.wallSetBackMs.get(actor) ?? Number.NEGATIVE_INFINITY);
        if (wallSetBack < SLEEP_MATTERS_MS && truth.suspendedMs.has(actor)) return;
        const holder = truth.holders.get(JOB_LOCK);
        const grant = truth.grants.get(token);
        const isFree = holder === undefined || holder.token <= token || !grant;
        check(isFree, () => `${actor.label} is sure of token ${token}, ${holder?.node} has ${holder?.token}`);
        check(grant?.ended !== 'expired', () => `${actor.label} is sure of token ${token}, which has lapsed`);
      },
    };
  },
};

/** Between the word and the next grant lies the time that work has to stop. */
function toldInTime({ check, truth, stage }: Court, job: Job): void {
  const grant = truth.grants.get(job.token);
  if (job.abortedMs === undefined || grant?.ended !== 'expired') return;
  const { runningSinceMs } = job.actor;
  if (runningSinceMs === undefined || runningSinceMs > job.abortedMs - stage.traits.ttlMs) return;
  const gapMs = stage.nowMs - job.abortedMs;
  const grantedMs = truth.attempts.get(grant.attempt)?.grantedTtlMs ?? stage.traits.ttlMs;
  const needed = (grantedMs / 10) * 0.99;
  check(gapMs >= needed, () => `${job.actor.label} had ${gapMs} ms to stop, not ${needed}`);
}

const L7: Oracle = {
  id: 'L7',
  holds: 'nothing is renewed after its release, and nobody releases what another one holds',
  watch: ({ check, truth }) => ({
    sent({ actor, verb, request }) {
      if (verb !== 'lock') return;
      const { attempt, held } = request as LockRequest;
      const known = truth.attempts.get(attempt);
      check(
        !held || known?.unlockSentMs === undefined,
        () => `${actor.label} renews ${attempt} after it asked for the release`,
      );
    },
    store(event) {
      if (event.kind !== 'unlocked') return;
      const known = truth.attempts.get(event.attempt);
      check(
        known === undefined || known.unlockSentMs !== undefined,
        () => `${event.lock} of ${event.node} was released by another`,
      );
    },
  }),
};

const L8: Oracle = {
  id: 'L8',
  holds: 'every run of a process, and every acquisition in it, is an owner of its own',
  watch({ check, truth }) {
    const began = new Set<string>();
    return {
      sent({ actor, verb, request }) {
        if (verb !== 'lock') return;
        const owner = truth.attempts.get((request as LockRequest).attempt)?.actor;
        check(owner === actor, () => `${actor.label} asks with an attempt of ${owner?.label}`);
      },
      node(actor, fact) {
        if (fact.kind !== 'job-began') return;
        const attempt = truth.attemptOf(actor, JOB_LOCK, fact.token);
        if (attempt === undefined) return;
        check(!began.has(attempt), () => `${actor.label} works twice with attempt ${attempt}`);
        began.add(attempt);
      },
    };
  },
};

export const LOCK_ORACLES: readonly Oracle[] = [L1, L2, L3, L4, L7, L8];
