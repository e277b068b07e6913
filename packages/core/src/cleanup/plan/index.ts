import type { ClusterIdentity, NodeId } from '../../backend/index.js';
import { familyOf, type HeldBy, heldBy } from '../brake.js';
import type { CleanupObservation } from '../observation.js';
import type { CleanupPolicy } from '../policy.js';
import { type CleanupCandidate, candidatesOf } from './candidates.js';
import { type Facts, factsOf } from './facts.js';
import { holdsOf } from './holds.js';
import { stopsOf } from './stops.js';

export type { CleanupCandidate } from './candidates.js';

/** Who would be removed, who not, and why. What `JSON.stringify` accepts. */
export interface CleanupPlan {
  /** The node that made it. */
  readonly madeBy: NodeId;
  readonly identity: ClusterIdentity | undefined;
  readonly recordVersion: number | undefined;
  /** The base of every majority and ratio. */
  readonly base: number;
  /** Members in the own daemon's view, in order of their names. */
  readonly members: readonly NodeId[];
  readonly listed: readonly NodeId[];
  /** Live members whose word counts, the executor included. */
  readonly witnesses: readonly NodeId[];
  /** Listed members that could not be asked. */
  readonly unknown: readonly NodeId[];
  readonly candidates: readonly CleanupCandidate[];
  /** What holds the plan as a whole. */
  readonly heldBy: readonly HeldBy[];
  /** Whom the evidence allows to remove: what an operator who applies this plan removes. */
  readonly ripe: readonly NodeId[];
  /** Whom this tick removes. */
  readonly removes: readonly NodeId[];
}

const isPaced = ({ brake }: HeldBy): boolean => brake === 'removals-per-tick';

/** Whose removal failed least often comes first: one that cannot be forgotten must not keep all others for ever. */
function inTurn(nodes: readonly NodeId[], { memory: { failures } }: CleanupObservation): readonly NodeId[] {
  const failed = (node: NodeId) => failures.get(node) ?? 0;
  return [...nodes].sort((a, b) => failed(a) - failed(b));
}

function draft({ self }: CleanupObservation, facts: Facts) {
  const { record, membership, listed, witnesses, unknown, base, missing } = facts;
  return {
    madeBy: self,
    identity: record && { clusterId: record.clusterId, generation: record.generation },
    recordVersion: record?.version,
    base,
    members: [...new Set(membership?.members)].sort(),
    listed: [...listed.keys()].sort(),
    witnesses: membership && missing.length > 0 ? [self, ...witnesses].sort() : [],
    unknown,
  };
}

/**
 * What to do about members that are away, from one immutable observation. The order in which anything is listed does not
 * matter. Nothing is done here.
 */
export function plan(policy: CleanupPolicy, observation: CleanupObservation): CleanupPlan {
  const facts = factsOf(observation);
  const stops = stopsOf(policy, observation, facts, observation.memory.storeChangedAtMs);
  const candidates = candidatesOf(policy, observation, facts);
  const ripe = inTurn(
    candidates.filter((each) => each.heldBy.length === 0).map((each) => each.node),
    observation,
  );
  const holds = holdsOf(policy, facts, ripe);
  const isFree = stops.length === 0 && holds.every(isPaced);
  return {
    ...draft(observation, facts),
    candidates,
    heldBy: [...stops, ...holds],
    ripe: stops.length === 0 ? ripe : [],
    removes: isFree ? ripe.slice(0, policy.removalsPerTickMax) : [],
  };
}

/**
 * What speaks against removing this member now; undefined when nothing does. `applied`: an operator has read the plan, so
 * that the brakes do not count which only hold it until its evidence ripens.
 */
export function objection(
  { candidates, heldBy: held }: CleanupPlan,
  node: NodeId,
  applied: boolean,
): HeldBy | undefined {
  const against = held.find((each) => !isPaced(each) && (!applied || familyOf(each.brake) === 'clocks'));
  if (against) return against;
  const candidate = candidates.find((each) => each.node === node);
  return candidate ? candidate.heldBy[0] : heldBy('returned', `${node} is listed again, or no member any more`);
}
