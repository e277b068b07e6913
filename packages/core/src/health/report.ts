import {
  type ClusterIdentity,
  type ClusterRecord,
  type NodeId,
  type Registration,
  sameIdentity,
} from '../backend/index.js';
import type { Membership } from '../driver/index.js';
import { HEALTH_CHECKS, type HealthCheck, type HealthCheckName, type HealthStatus } from './check.js';
import type { HealthObservation } from './observation.js';

/** Whether a node is well, and every reason for it. What `JSON.stringify` accepts. */
export interface HealthReport {
  /** `pending`: not formed yet in this run, and nothing is wrong so far. */
  readonly status: HealthStatus;
  readonly cluster: string;
  readonly node: NodeId;
  /** Members in the own daemon's view; undefined when it does not answer. */
  readonly members: number | undefined;
  readonly checks: readonly HealthCheck[];
}

type Verdict = readonly [status: HealthStatus, evidence: string];

const ok = (evidence: string): Verdict => ['ok', evidence];
const failing = (evidence: string): Verdict => ['failing', evidence];
const pending = (evidence: string): Verdict => ['pending', evidence];
const unknownList = pending('not known: the store does not answer');

/** What the checks have in common. */
interface Facts {
  readonly o: HealthObservation;
  readonly members: readonly Registration[] | undefined;
  readonly record: ClusterRecord | undefined;
  readonly membership: Membership | undefined;
  /** The other member's view. */
  readonly theirs: Membership | undefined;
}

const identityText = ({ clusterId, generation }: ClusterIdentity) => `${clusterId} of generation ${generation}`;
const committed = (membership: Membership | undefined): ClusterIdentity | undefined =>
  membership?.identity.kind === 'committed' ? membership.identity : undefined;

/** Where entries are views, the members of a cluster are the entries that name it. */
function viewOfEntries(entries: readonly Registration[], identity: ClusterIdentity): Membership {
  const members = entries.filter((each) => sameIdentity(each.identity, identity)).map((each) => each.node);
  return { identity: { kind: 'committed', ...identity }, members, running: members, partitions: [] };
}

function factsOf(o: HealthObservation): Facts {
  const members = o.listing.kind === 'listed' ? o.listing.list.members : undefined;
  const stored = o.listing.kind === 'listed' ? o.listing.list.record : undefined;
  const record = stored?.kind === 'present' ? stored.record : undefined;
  let membership = o.own.kind === 'known' ? o.own.membership : undefined;
  let theirs = o.peer?.health.view;
  const mine = committed(membership);
  if (o.views === 'registration' && members && membership && mine) {
    const entries = viewOfEntries(members, mine);
    // Another process may have forgotten whoever is marked.
    const missed = membership.members.filter((node) => record?.removed.includes(node) !== true);
    membership = {
      ...membership,
      members: [...new Set([...missed, ...entries.members])],
      running: entries.running,
    };
    const entry = members.find((each) => each.node === o.peer?.node);
    theirs = entry?.identity && viewOfEntries(members, entry.identity);
  }
  return { o, members, record, membership, theirs };
}

function formed({ o: { state, standing, hasFormed } }: Facts): Verdict {
  if (standing) return ok(`formed in ${identityText(standing)}`);
  if (hasFormed) return failing(`was formed, and is not any more: ${state.text}`);
  const isOver = ['failed', 'standalone', 'stopped'].includes(state.kind);
  return isOver ? failing(state.text) : pending(state.text);
}

function store({ o: { listing } }: Facts): Verdict {
  if (listing.kind === 'failed') return failing(`the list failed: ${listing.text}`);
  const { complete, members, skipped, record } = listing.list;
  if (!complete) return failing('the list says that entries may be missing');
  if (record.kind === 'unreadable') return failing(`the record cannot be understood: ${record.reason}`);
  const beside = skipped.length === 0 ? '' : `; ${skipped.length} entries cannot be understood`;
  return ok(`lists ${members.length} members${beside}`);
}

function registered({ o: { registration } }: Facts): Verdict {
  return registration
    ? ok(`instance ${registration.instance} as ${registration.state}`)
    : failing('the registration is not held, or may have lapsed');
}

function listed({ o: { self, registration }, members }: Facts): Verdict {
  if (!members) return unknownList;
  const entry = members.find((each) => each.node === self);
  if (!entry) return failing(`${self} is not listed`);
  if (entry.instance !== registration?.instance) return failing(`${self} is listed as instance ${entry.instance}`);
  return entry.state === 'ready' ? ok(`${self} is listed as ready`) : failing(`${self} is listed as ${entry.state}`);
}

function daemon({ o: { own, ownHealth } }: Facts): Verdict {
  if (own.kind === 'unknown') return failing(`the daemon does not answer: ${own.text}`);
  const { status, ready, detail } = ownHealth;
  if (status === 'up' && ready) return ok(detail || 'up and ready');
  return failing(`${status}${status === 'up' ? ', not ready' : ''}: ${detail}`);
}

function record({ o: { self, standing, listing }, record: stored, membership, members }: Facts): Verdict {
  if (!members || listing.kind === 'failed') return unknownList;
  if (!stored) return failing(`the record is ${listing.list.record.kind}`);
  const mine = committed(membership);
  const wanted = identityText(stored);
  if (stored.removed.includes(self)) return failing('the record says that this node was removed');
  if (!mine || !sameIdentity(mine, stored)) {
    return failing(
      `the record names ${wanted}, the daemon ${mine ? identityText(mine) : (membership?.identity.kind ?? 'nothing')}`,
    );
  }
  if (standing && !sameIdentity(standing, stored))
    return failing(`formed in ${identityText(standing)}, not in ${wanted}`);
  const rival = members.find((each) => each.identity && !sameIdentity(each.identity, stored));
  if (rival?.identity) return failing(`${rival.node} belongs to ${identityText(rival.identity)}`);
  return ok(`${wanted}, version ${stored.version}`);
}

function clustered({ o: { self, peer }, membership, theirs, record: stored, members }: Facts): Verdict {
  if (!members) return unknownList;
  if (!membership) return failing('the own daemon does not tell its members');
  if (!peer) {
    const size = Math.max(stored?.size ?? 0, membership.members.length);
    return size <= 1 ? ok('this node is the only member') : failing(`no other of ${size} members is listed as ready`);
  }
  const { node, health } = peer;
  if (health.status !== 'up') return failing(`${node} is ${health.status}: ${health.detail}`);
  if (!theirs) return failing(`${node} tells no view of its cluster`);
  const mine = committed(membership);
  const other = committed(theirs);
  if (!mine || !other || !sameIdentity(mine, other))
    return failing(`${node} is in ${other ? identityText(other) : theirs.identity.kind}`);
  if (!membership.running.includes(node)) return failing(`this node does not see ${node} run`);
  if (!theirs.running.includes(self)) return failing(`${node} does not see this node run`);
  return ok(`with ${node}, in both directions`);
}

function sizes({ membership, theirs, record: stored, members, o: { peer, listing } }: Facts): Verdict {
  if (!members || listing.kind === 'failed') return unknownList;
  if (!stored) return failing(`the record is ${listing.list.record.kind}`);
  if (!membership) return failing('the own daemon does not tell its members');
  const mine = committed(membership);
  // What a platform lists has no identity: then the own daemon says who is of its cluster.
  const isOfOurs = ({ node, identity }: Registration) =>
    identity ? sameIdentity(identity, mine) : mine !== undefined && membership.members.includes(node);
  const listedCount = members.filter(isOfOurs).length;
  const counts = [`${membership.members.length} members`, `${membership.running.length} run`, `${listedCount} listed`];
  if (peer && theirs) counts.push(`${theirs.members.length} as ${peer.node} counts`);
  const evidence = `${counts.join(', ')}; size ${stored.size}`;
  if (membership.running.length * 2 <= stored.size) return failing(`no majority runs: ${evidence}`);
  const agree = [membership.running.length, listedCount, ...(theirs ? [theirs.members.length] : [])];
  return agree.every((count) => count === membership.members.length) ? ok(evidence) : failing(evidence);
}

function partitions({ membership, theirs, o: { self, peer } }: Facts): Verdict {
  const reported = [
    ...(membership && membership.partitions.length > 0 ? [self] : []),
    ...(peer && theirs && theirs.partitions.length > 0 ? [peer.node] : []),
  ];
  return reported.length === 0 ? ok('none') : failing(`reported by ${reported.join(' and ')}`);
}

const CHECKS: Readonly<Record<HealthCheckName, (facts: Facts) => Verdict>> = {
  formed,
  store,
  registered,
  listed,
  daemon,
  record,
  clustered,
  sizes,
  partitions,
};

/** What is not there yet while a node forms is no failure; a store that does not answer is. */
const FAILS_ALWAYS: ReadonlySet<HealthCheckName> = new Set(['formed', 'store']);

/** Whether a node is well, from one observation. */
export function report(observation: HealthObservation): HealthReport {
  const facts = factsOf(observation);
  const isForming = formed(facts)[0] === 'pending';
  const checks = (Object.keys(CHECKS) as HealthCheckName[]).map((name): HealthCheck => {
    const [found, evidence] = CHECKS[name](facts);
    const status = found === 'failing' && isForming && !FAILS_ALWAYS.has(name) ? 'pending' : found;
    return { name, status, evidence, advice: status === 'ok' ? undefined : HEALTH_CHECKS[name].advice };
  });
  const worst = (['failing', 'pending', 'ok'] as const).find((each) => checks.some(({ status }) => status === each));
  const { cluster, self } = observation;
  return { status: worst ?? 'ok', cluster, node: self, members: facts.membership?.members.length, checks };
}
