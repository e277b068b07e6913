import { CLEANUP_LOCK, FORMATION_LOCK, type LockGrant, type LockRequest } from '@autocluster/core/backend';
import type { Actor } from '../actor.js';
import type { Call } from '../facts.js';
import { TOLERANCE_MS } from './decisions.js';
import type { Court, Oracle } from './oracle.js';

interface Above {
  readonly lock: string;
  readonly token: bigint;
}

const tokenOf = ({ request }: Call): bigint | undefined => (request as { readonly token: bigint | undefined }).token;

/** The lock above this work of a daemon, if there is one. */
function lockAbove({ truth }: Court, call: Call): Above | undefined {
  const { verb, actor } = call;
  if (verb === 'leave') {
    const holder = truth.holders.get(FORMATION_LOCK);
    return holder?.node === actor.name ? { lock: FORMATION_LOCK, token: holder.token } : undefined;
  }
  if (verb !== 'create' && verb !== 'join' && verb !== 'forget' && verb !== 'afterForget') return undefined;
  const token = tokenOf(call);
  return token === undefined ? undefined : { lock: verb === 'afterForget' ? CLEANUP_LOCK : FORMATION_LOCK, token };
}

export const F17: Oracle = {
  id: 'F17',
  holds: 'the lock above work that may still run is never released by hand, nor renewed when its time is over',
  watch(court) {
    const { check, stage } = court;
    const running = new Map<Call, Above>();
    const under = (actor: Actor, lock: string, token: bigint): readonly Call[] =>
      [...running].flatMap(([work, above]) =>
        work.actor === actor && above.lock === lock && above.token === token ? [work] : [],
      );
    /** What it may take to begin with, and then to stop. */
    const longestMs = stage.traits.workMs + stage.timing.stopBudgetMs + TOLERANCE_MS;
    const isOverdue = ({ actor, ownSentMs, sentMs }: Call): boolean =>
      // Where it stood still, what was due meanwhile comes in any order.
      (actor.runningSinceMs ?? stage.nowMs) <= sentMs && actor.clock.monotonicMs() - ownSentMs > longestMs;
    return {
      sent(call) {
        const { actor, verb, request } = call;
        const above = lockAbove(court, call);
        if (above) running.set(call, above);
        else if (verb === 'unlock') {
          const { name, token } = (request as { readonly grant: LockGrant }).grant;
          const [work] = under(actor, name, token);
          check(work === undefined, () => `${actor.label} releases ${name} under ${work?.verb}, which runs`);
        } else if (verb === 'lock') {
          const { name, held } = request as LockRequest;
          const stuck = held && under(actor, name, held.token).find(isOverdue);
          if (held) check(!stuck, () => `${actor.label} renews ${name} above ${stuck?.verb}, which should be over`);
        }
      },
      answered: (call) => void running.delete(call),
    };
  },
};
