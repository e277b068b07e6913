import { type Clock, type ClusterIdentity, type NodeId, type Registration, sameIdentity } from '../backend/index.js';
import type { Membership, NodeHealth } from '../driver/index.js';
import {
  askList,
  askOwnDaemon,
  askPeers,
  type GuardedBackend,
  type GuardedDriver,
  type Listing,
  type OwnDaemon,
} from '../guard/index.js';
import type { Answer, Look } from './observation.js';

export interface Observer {
  readonly backend: GuardedBackend;
  readonly driver: GuardedDriver;
  readonly clock: Clock;
  readonly registration: () => Registration | undefined;
}

export interface LookRequest {
  readonly signal: AbortSignal;
  readonly hasLock: boolean;
  /** The list that tells whom to ask. Default: one that is made for it. */
  readonly known?: Listing | undefined;
  /** Told of each list when it is answered: another one may be noted before the look is over. */
  readonly onListing?: (listing: Listing) => void;
}

type Answers = Map<NodeId, Answer>;

const isCommittedTo = ({ identity }: Membership, cluster: ClusterIdentity): boolean =>
  identity.kind === 'committed' && sameIdentity(identity, cluster);

function answerOf(
  { status, view }: NodeHealth,
  self: NodeId,
  cluster: ClusterIdentity | undefined,
  isMissing: ReadonlySet<NodeId>,
): Answer {
  if (!view || !cluster) return { status, knows: 'nothing', running: [] };
  if (!isCommittedTo(view, cluster)) return { status, knows: 'other', running: [] };
  const knows = view.members.includes(self) ? 'me' : 'cluster';
  return { status, knows, running: view.running.filter((node) => isMissing.has(node)) };
}

const clusterOf = (own: OwnDaemon): ClusterIdentity | undefined =>
  own.kind === 'known' && own.membership.identity.kind === 'committed' ? own.membership.identity : undefined;

const listedIn = (listing: Listing) => (listing.kind === 'listed' ? listing.list.members : []);

/** Members that are not listed, as far as anybody knows. */
function missingFrom(own: OwnDaemon, listing: Listing): ReadonlySet<NodeId> {
  if (own.kind === 'unknown' || listing.kind === 'failed') return new Set();
  const listed = new Set(listing.list.members.map((member) => member.node));
  return new Set(own.membership.members.filter((node) => !listed.has(node)));
}

/** Whom to ask: the missing themselves, and every listed member of the cluster. */
function toAsk(own: OwnDaemon, listing: Listing, self: NodeId, missing: ReadonlySet<NodeId>): readonly NodeId[] {
  if (own.kind === 'unknown' || missing.size === 0) return [];
  const cluster = clusterOf(own);
  const members = new Set(own.membership.members);
  const isMember = ({ node, identity }: Registration) =>
    members.has(node) || (cluster !== undefined && identity !== undefined && sameIdentity(identity, cluster));
  const observers = listedIn(listing)
    .filter(isMember)
    .map((each) => each.node);
  return [...new Set([...observers, ...missing])].filter((node) => node !== self);
}

/** Where the identity of an entry is its view, every entry of the cluster is a member that answers. */
function fromEntries({ own, listing, ...look }: Look): Look {
  const cluster = clusterOf(own);
  if (own.kind === 'unknown' || !cluster) return { own, listing, ...look };
  const entries = listedIn(listing).filter(({ identity }) => identity && sameIdentity(identity, cluster));
  const running = entries.map((each) => each.node);
  const members = [...new Set([...own.membership.members, ...running])];
  const knows = running.includes(look.self) ? 'me' : 'cluster';
  const answers: Answers = new Map(running.map((node) => [node, { status: 'up', knows, running: [] }]));
  return { ...look, listing, own: { ...own, membership: { ...own.membership, members, running } }, answers };
}

/**
 * Looks at daemons first and at the store last, and never rejects: what cannot be known is part of the look. The list
 * begins after every answer was in, so that a member which registers meanwhile is seen.
 */
export async function observe(observer: Observer, { signal, hasLock, known, onListing }: LookRequest): Promise<Look> {
  const { backend, driver, clock, registration } = observer;
  const before = known?.kind === 'listed' ? known : await askList(backend, clock, { signal }, onListing);
  const list = before.kind === 'listed' ? before.list : undefined;
  const own = await askOwnDaemon(driver, { signal, list });
  const answers: Answers = new Map();
  const askAbout = async (listing: Listing) => {
    const missing = missingFrom(own, listing);
    const open = toAsk(own, listing, driver.self, missing).filter((node) => !answers.has(node));
    const said = await askPeers(driver, open, { signal, list: listing.kind === 'listed' ? listing.list : list });
    for (const [node, health] of said) answers.set(node, answerOf(health, driver.self, clusterOf(own), missing));
  };
  const byEntries = driver.views === 'registration';
  if (!byEntries) await askAbout(before);
  const isNeeded = known !== undefined || answers.size > 0;
  const listing = isNeeded ? await askList(backend, clock, { signal }, onListing) : before;
  // Whoever appeared or went missing meanwhile has a word too.
  if (!byEntries && isNeeded) await askAbout(listing);
  const look: Look = {
    nowMs: clock.monotonicMs(),
    self: driver.self,
    instance: registration()?.instance,
    hasLock,
    formationBusy: undefined,
    views: driver.views,
    own,
    listing,
    answers,
  };
  return byEntries ? fromEntries(look) : look;
}
