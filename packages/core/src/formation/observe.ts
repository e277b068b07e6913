import type { MemberList, NodeId } from '../backend/index.js';
import type { NodeHealth } from '../driver/index.js';
import { askList, askOwnDaemon, type GuardedBackend, type GuardedDriver } from '../guard/index.js';
import type { Clock } from '../backend/index.js';
import type { FormationConfig } from './config.js';
import type { AwaitedEffect } from './effect.js';
import type { Announced, Listing, Observation, OwnDaemon } from './observation.js';
import { inTurn, type Refusals } from './refusals.js';
import { bestFirst, namesRecord, type Peer, situationOf } from './situation.js';

/** How many peers a formed node asks at each look. */
const SAMPLE = 3;

export interface Observer {
  readonly config: FormationConfig;
  readonly backend: GuardedBackend;
  readonly driver: GuardedDriver;
  readonly clock: Clock;
  readonly announced: () => Announced | undefined;
  /** The latest list, for drivers that need one. */
  readonly latest: () => MemberList | undefined;
  /** Told of a list when it is answered, and not only when the look is over. */
  readonly onListing: (listing: Listing) => void;
  readonly signal: AbortSignal;
}

export function inspectOwn({ driver, latest, signal }: Observer): Promise<OwnDaemon> {
  return askOwnDaemon(driver, { signal, list: latest() });
}

type Answers = Map<NodeId, NodeHealth>;

async function ask(
  { driver, signal }: Observer,
  peers: readonly Peer[],
  list: MemberList,
  answers: Answers,
): Promise<void> {
  await Promise.all(
    peers.map(async ({ entry }) => {
      answers.set(entry.node, await driver.health({ node: entry.node, listed: entry }, { signal, list }));
    }),
  );
}

/** Where entries are views, only a target must answer: the one whose turn it is, and all others together if it does not. */
async function askTargets(
  observer: Observer,
  peers: readonly Peer[],
  list: MemberList,
  refusals: Refusals,
  answers: Answers,
): Promise<void> {
  if (list.record.kind !== 'present') return;
  const { record } = list.record;
  const members = peers.filter((peer) => peer.ready && namesRecord(peer, record));
  const candidates = inTurn(refusals, bestFirst(observer.config, members));
  await ask(observer, candidates.slice(0, 1), list, answers);
  const [best] = candidates;
  if (best && answers.get(best.entry.node)?.status !== 'up') await ask(observer, candidates.slice(1), list, answers);
}

function sampleOf(peers: readonly Peer[], turn: number): readonly Peer[] {
  const start = (turn * SAMPLE) % Math.max(1, peers.length);
  return [...peers.slice(start), ...peers.slice(0, start)].slice(0, SAMPLE);
}

/** Looks at the daemon, and at a few peers where they have views, beside a list that was seen before. */
export async function glance(observer: Observer, listing: Listing, turn: number): Promise<Observation> {
  const { config, clock, announced } = observer;
  const own = await inspectOwn(observer);
  const answers: Answers = new Map();
  const draft = (): Observation => ({
    nowMs: clock.monotonicMs(),
    own,
    listing,
    peers: answers,
    probed: 'sample',
    announced: announced(),
  });
  const peers = config.views === 'peer' ? situationOf(config, draft())?.peers : undefined;
  if (listing.kind === 'listed' && peers) await ask(observer, sampleOf(peers, turn), listing.list, answers);
  return draft();
}

/** Looks at daemon, store and peers, and never rejects: what cannot be known is part of the observation. */
export async function observe(
  observer: Observer,
  { probe, refusals }: Extract<AwaitedEffect, { kind: 'observe' }>,
  turn: number,
): Promise<Observation> {
  const { config, backend, clock, announced, onListing, signal } = observer;
  const [own, listing] = await Promise.all([inspectOwn(observer), askList(backend, clock, { signal }, onListing)]);
  const answers: Answers = new Map();
  const draft = (): Observation => ({
    nowMs: clock.monotonicMs(),
    own,
    listing,
    peers: answers,
    probed: probe === 'all' ? 'all' : 'sample',
    announced: announced(),
  });
  const peers = situationOf(config, draft())?.peers;
  if (listing.kind === 'failed' || !peers || probe === 'none') return draft();
  const { list } = listing;
  if (config.views === 'registration') {
    if (probe === 'all') await askTargets(observer, peers, list, refusals, answers);
  } else {
    await ask(observer, probe === 'all' ? peers : sampleOf(peers, turn), list, answers);
  }
  return draft();
}
