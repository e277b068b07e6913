import type { InstanceId, MemberList, NodeId, Registration } from '../backend/index.js';
import type { Peer } from './situation.js';

/** How often a join through each listed member has failed. No more entries than members, each about one instance. */
export type Refusals = ReadonlyMap<NodeId, { readonly instance: InstanceId; readonly times: number }>;

export const NO_REFUSALS: Refusals = new Map();

const timesOf = (refusals: Refusals, { node, instance }: Registration): number => {
  const refused = refusals.get(node);
  return refused?.instance === instance ? refused.times : 0;
};

/** One more failure of a join through this member. */
export function refusedBy(refusals: Refusals, member: Registration): Refusals {
  const { node, instance } = member;
  return new Map(refusals).set(node, { instance, times: timesOf(refusals, member) + 1 });
}

/** Without those who are gone, or who came back as another instance. */
export function ofListed(refusals: Refusals, { members }: MemberList): Refusals {
  if (refusals.size === 0) return refusals;
  const listed = new Map(members.map(({ node, instance }) => [node, instance]));
  return new Map([...refusals].filter(([node, { instance }]) => listed.get(node) === instance));
}

/** Whoever refused least comes first, so that each has its turn; otherwise the order stays. */
export function inTurn(refusals: Refusals, peers: readonly Peer[]): readonly Peer[] {
  if (refusals.size === 0) return peers;
  return peers.toSorted((a, b) => timesOf(refusals, a.entry) - timesOf(refusals, b.entry));
}
