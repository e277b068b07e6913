import { type ClusterRecord, compareNodes, type NodeId, type Registration, sameIdentity } from '../../backend/index.js';
import type { Membership } from '../../driver/index.js';
import type { Answer, Look } from '../observation.js';

/** What a look means, worked out once. */
export interface Facts {
  readonly membership: Membership | undefined;
  readonly record: ClusterRecord | undefined;
  readonly listed: ReadonlyMap<NodeId, Registration>;
  /** Members of the executor's cluster that are not listed, in natural order. */
  readonly missing: readonly NodeId[];
  /** Those of them that count as lost: whom another process may have forgotten already was counted when it was marked. */
  readonly lost: readonly NodeId[];
  /** Listed members other than the executor: they can tell whom they see. */
  readonly observers: readonly NodeId[];
  /** Observers that answered, belong to the cluster and know the executor. */
  readonly witnesses: readonly NodeId[];
  /** Observers whose view of the cluster lacks the executor. */
  readonly strangers: readonly NodeId[];
  /** Observers that could not be asked. */
  readonly unknown: readonly NodeId[];
  /** By missing member: who says that it runs. */
  readonly seenRunningBy: ReadonlyMap<NodeId, readonly NodeId[]>;
  /** The base of every majority and ratio: durable, and never smaller than what the daemon knows. */
  readonly base: number;
}

const NOBODY: readonly NodeId[] = [];

function observersOf(look: Look, membership: Membership | undefined, listed: Facts['listed']): readonly NodeId[] {
  if (!membership) return NOBODY;
  const members = new Set(membership.members);
  const { identity } = membership;
  const mine = identity.kind === 'committed' ? identity : undefined;
  const isMember = ({ node, identity: claimed }: Registration) =>
    members.has(node) || (mine !== undefined && claimed !== undefined && sameIdentity(claimed, mine));
  return [...listed.values()].filter((each) => each.node !== look.self && isMember(each)).map((each) => each.node);
}

const cannotTell = (answer: Answer | undefined): boolean =>
  answer === undefined || answer.status === 'unknown' || (answer.status === 'up' && answer.knows === 'nothing');

/** A missing member whose own daemon is up runs, unless it says that it belongs elsewhere. */
const speaksForItself = ({ status, knows }: Answer): boolean => status === 'up' && knows !== 'other';

function sightings({ self, answers }: Look, membership: Membership | undefined, missing: readonly NodeId[]) {
  const seen = new Map<NodeId, NodeId[]>();
  const isMissing = new Set(missing);
  const note = (node: NodeId, by: NodeId) => {
    if (!isMissing.has(node)) return;
    const others = seen.get(node);
    if (others) others.push(by);
    else seen.set(node, [by]);
  };
  for (const node of membership?.running ?? NOBODY) note(node, self);
  for (const [by, answer] of answers) {
    if (answer.status !== 'up') continue;
    for (const node of answer.running) note(node, by);
    if (isMissing.has(by) && speaksForItself(answer)) note(by, by);
  }
  return new Map([...seen].map(([node, by]) => [node, [...new Set(by)].sort(compareNodes)]));
}

export function factsOf(look: Look): Facts {
  const { own, listing, answers } = look;
  const membership = own.kind === 'known' ? own.membership : undefined;
  const list = listing.kind === 'listed' ? listing.list : undefined;
  const record = list?.record.kind === 'present' ? list.record.record : undefined;
  const listed = new Map(list?.members.map((member) => [member.node, member]));
  const missing = list
    ? [...new Set(membership?.members)].filter((node) => !listed.has(node)).sort(compareNodes)
    : NOBODY;
  const observers = missing.length > 0 ? observersOf(look, membership, listed) : NOBODY;
  const removed = new Set(record?.removed);
  const lost = look.views === 'registration' ? missing.filter((node) => !removed.has(node)) : missing;
  const members = (membership?.members.length ?? 0) - (missing.length - lost.length);
  const said = (knows: Answer['knows']) => (node: NodeId) => {
    const answer = answers.get(node);
    return answer?.status === 'up' && answer.knows === knows && !removed.has(node);
  };
  return {
    membership,
    record,
    listed,
    missing,
    lost,
    observers,
    witnesses: observers.filter(said('me')),
    strangers: observers.filter(said('cluster')),
    unknown: observers.filter((node) => cannotTell(answers.get(node))).sort(compareNodes),
    seenRunningBy: sightings(look, membership, missing),
    base: Math.max(record?.size ?? 0, members),
  };
}
