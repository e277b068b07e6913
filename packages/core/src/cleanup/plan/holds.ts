import type { NodeId } from '../../backend/index.js';
import { type HeldBy, heldBy } from '../brake.js';
import type { CleanupPolicy } from '../policy.js';
import type { Facts } from './facts.js';

/** The brakes that hold the plan until its evidence is stronger, or an operator has read it. */
export function holdsOf(policy: CleanupPolicy, facts: Facts, nodes: readonly NodeId[]): readonly HeldBy[] {
  const { missing, lost, base, membership, witnesses } = facts;
  if (missing.length === 0) return [];
  const holds: HeldBy[] = [];
  const members = membership?.members.length ?? 0;
  const ripe = nodes.length;
  const ripeAndLost = nodes.filter((node) => lost.includes(node)).length;
  // The executor is a witness itself.
  const live = witnesses.length + 1;
  if (policy.mode !== 'remove') holds.push(heldBy('report-only', `mode is '${policy.mode}'`));
  if (lost.length > policy.listShrinkRatioMax * base) {
    const most = `${policy.listShrinkRatioMax} of it is the most`;
    holds.push(heldBy('list-shrank', `${lost.length} of a base of ${base} are not listed; ${most}`));
  }
  if (live * 2 <= base) {
    holds.push(
      heldBy('minority', `${live} live members of a base of ${base} answer; ${Math.floor(base / 2) + 1} are needed`),
    );
  }
  if (members - ripe < policy.membersMin && ripe > 0) {
    holds.push(heldBy('members-min', `${members - ripe} members would be left; ${policy.membersMin} is the least`));
  }
  if (ripeAndLost > policy.removalRatioMax * base) {
    const most = `${policy.removalRatioMax} of it is the most`;
    holds.push(heldBy('removal-ratio', `${ripeAndLost} of a base of ${base} would be removed; ${most}`));
  }
  if (ripe > policy.removalsPerTickMax) {
    holds.push(heldBy('removals-per-tick', `${ripe} are to be removed, ${policy.removalsPerTickMax} in one tick`));
  }
  return holds;
}
