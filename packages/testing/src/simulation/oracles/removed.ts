import { type ClusterRecord } from '@autocluster/core/backend';
import type { ForgetRequest } from '@autocluster/core/driver';
import type { Call } from '../facts.js';
import { type Court, type Oracle, together, type Watcher } from './oracle.js';

/** Rows of the catalogue that make a list say what is not so. */
export const LYING: ReadonlySet<string> = new Set(['3', '11', '26', '28a']);

/** Nobody joins whom the record named as removed since before the list on which it is joined. */
function watchTargets({ check, truth, stage }: Court): Watcher {
  const sinceMs = new Map<string, number>();
  let lies = stage.traits.store === 'late';
  const note = () => {
    const removed = truth.record?.removed ?? [];
    for (const node of sinceMs.keys()) if (!removed.includes(node)) sinceMs.delete(node);
    for (const node of removed) if (!sinceMs.has(node)) sinceMs.set(node, stage.nowMs);
  };
  return {
    struck: (fault) => void (lies ||= LYING.has(fault)),
    store(event) {
      if (event.kind === 'record-committed' || event.kind === 'operator') note();
    },
    sent({ actor, verb, request }) {
      if (verb !== 'join') return;
      const { seed, record } = request as {
        readonly seed: { readonly node: string };
        readonly record: ClusterRecord;
      };
      check(!record.removed.includes(seed.node), () => `${actor.label} joins ${seed.node}, which was removed`);
      const listedMs = truth.lists.get(actor)?.sentMs ?? stage.nowMs;
      const wasRemoved = !lies && (sinceMs.get(seed.node) ?? stage.nowMs) < listedMs;
      check(!wasRemoved, () => `${actor.label} joins ${seed.node}, which is on record as removed`);
    },
  };
}

/** A name leaves the record by its own node alone, or by an executor whose daemon refused to forget it. */
function watchMarks({ check, truth, stage }: Court): Watcher {
  const refused = new Set<string>();
  /** When somebody put a mark there by hand, and not under the lock. */
  const byHandMs = new Map<string, number>();
  let marked: readonly string[] = [];
  const keyOf = (node: string, token: bigint) => `${node} ${token}`;
  return {
    answered({ verb, request, end }: Call) {
      if (verb !== 'forget' || end?.kind !== 'rejected') return;
      const { node, token } = request as ForgetRequest;
      refused.add(keyOf(node, token));
    },
    store(event) {
      const earlier = marked;
      marked = truth.record?.removed ?? [];
      if (event.kind === 'operator')
        for (const node of marked) if (!earlier.includes(node)) byHandMs.set(node, stage.nowMs);
      if (event.kind !== 'record-committed' || event.record.kind !== 'present') return;
      const { record } = event.record;
      const before = truth.recordBefore;
      const writer = truth.attempts.get(event.attempt)?.actor;
      if (!before || !writer || before.clusterId !== record.clusterId) return;
      const gone = before.removed.filter((node) => !record.removed.includes(node));
      // Whoever holds the lock writes what it saw under it.
      const grantedMs = truth.grants.get(event.token)?.sinceMs ?? stage.nowMs;
      const isUnseen = (node: string) => (byHandMs.get(node) ?? Number.NEGATIVE_INFINITY) >= grantedMs;
      const isOdd = (node: string) => node !== writer.name && !refused.has(keyOf(node, event.token)) && !isUnseen(node);
      const odd = gone.find(isOdd);
      check(odd === undefined, () => `${writer.label} takes the mark from ${odd}, which was removed`);
    },
  };
}

export const F15: Oracle = {
  id: 'F15',
  holds: 'a member that was removed is no target before it joined anew, and nobody else takes its mark away',
  watch: (court) => together(watchTargets(court), watchMarks(court)),
};
