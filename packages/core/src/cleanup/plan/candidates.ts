import type { InstanceId, NodeId } from '../../backend/index.js';
import { type HeldBy, heldBy } from '../brake.js';
import type { CleanupObservation } from '../observation.js';
import type { CleanupPolicy } from '../policy.js';
import type { Facts } from './facts.js';

/** A member of the cluster that is not listed, with what is known about it. */
export interface CleanupCandidate {
  readonly node: NodeId;
  /** With which it was last listed; undefined: this executor never saw it. */
  readonly instance: InstanceId | undefined;
  /** For how long it is proved to be away, without interruption, in ms. */
  readonly awayForMs: number;
  /** How often it was seen to be away. */
  readonly observations: number;
  /** The record has its name in `removed` already. */
  readonly marked: boolean;
  /** Who says that it runs. All other witnesses of the plan say that it does not. */
  readonly seenRunningBy: readonly NodeId[];
  /** What holds this member, whoever asks for its removal. */
  readonly heldBy: readonly HeldBy[];
}

export function candidatesOf(
  policy: CleanupPolicy,
  { self, memory }: CleanupObservation,
  { missing, record, seenRunningBy }: Facts,
): readonly CleanupCandidate[] {
  const removed = new Set(record?.removed);
  return missing.map((node) => {
    const absence = memory.absences.get(node);
    const awayForMs = Math.round(absence?.forMs ?? 0);
    const observations = absence?.observations ?? 0;
    const marked = removed.has(node);
    const runningBy = seenRunningBy.get(node) ?? [];
    const held: HeldBy[] = [];
    if (node === self) held.push(heldBy('member-is-self', `${node} is this node`));
    if (runningBy.length > 0) held.push(heldBy('seen-running', `runs as seen by ${runningBy.slice(0, 5).join(', ')}`));
    if ((absence?.forMs ?? 0) < policy.graceMs || observations < policy.observationsMin) {
      const needed = `${policy.graceMs} ms and ${policy.observationsMin} looks are needed`;
      held.push(heldBy('grace', `away for ${awayForMs} ms in ${observations} looks; ${needed}`));
    }
    if (!marked && removed.size >= policy.removedMax) {
      held.push(heldBy('removed-full', `${removed.size} names are remembered, ${policy.removedMax} is the most`));
    }
    return {
      node,
      instance: memory.instances.get(node),
      awayForMs,
      observations,
      marked,
      seenRunningBy: runningBy,
      heldBy: held,
    };
  });
}
