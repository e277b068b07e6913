import { type Clock, compareNodes, type NodeId, sameIdentity } from '../backend/index.js';
import {
  askList,
  askOwnDaemon,
  type GuardedBackend,
  type GuardedDriver,
  type Listing,
  type OwnDaemon,
} from '../guard/index.js';
import type { HealthObservation } from './observation.js';

export interface HealthObserver {
  readonly backend: GuardedBackend;
  readonly driver: GuardedDriver;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** The first other member in the store that is ready: every node compares itself with the same one, or the next. */
function firstOther(listing: Listing, own: OwnDaemon, self: NodeId): NodeId | undefined {
  if (listing.kind === 'failed' || own.kind === 'unknown') return undefined;
  const { identity, members } = own.membership;
  const mine = identity.kind === 'committed' ? identity : undefined;
  const record = listing.list.record.kind === 'present' ? listing.list.record.record : undefined;
  const others = listing.list.members.filter(
    (each) =>
      each.node !== self &&
      each.state === 'ready' &&
      record?.removed.includes(each.node) !== true &&
      // Who claims our cluster, and who should be in it: the second may tell another story.
      (each.identity === undefined ? members.includes(each.node) : !mine || sameIdentity(each.identity, mine)),
  );
  return others.map((each) => each.node).sort(compareNodes)[0];
}

/** Looks without any lock, and never rejects: what cannot be known is part of the observation. */
export async function observeHealth(
  { backend, driver, clock, signal }: HealthObserver,
  node: Pick<HealthObservation, 'cluster' | 'state' | 'standing' | 'hasFormed' | 'registration'>,
): Promise<HealthObservation> {
  const listing = await askList(backend, clock, { signal });
  const list = listing.kind === 'listed' ? listing.list : undefined;
  const { self, views } = driver;
  const listed = (name: NodeId) => list?.members.find((each) => each.node === name);
  const ask = (name: NodeId) => driver.health({ node: name, listed: listed(name) }, { signal, list });
  const [own, ownHealth] = await Promise.all([askOwnDaemon(driver, { signal, list }), ask(self)]);
  const other = firstOther(listing, own, self);
  const peer = other === undefined ? undefined : { node: other, health: await ask(other) };
  return { ...node, self, views, own, ownHealth, listing, peer };
}
