import type { MemberList, NodeId } from '../backend/index.js';
import type { NodeHealth } from '../driver/index.js';
import { isClusterError } from '../errors/index.js';
import type { GuardedBackend, GuardedDriver } from '../guard/index.js';
import type { Clock } from '../backend/index.js';
import type { FormationConfig } from './config.js';
import type { Probe } from './effect.js';
import type { Announced, Listing, Observation, OwnDaemon } from './observation.js';
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
  readonly signal: AbortSignal;
}

const codeOf = (error: unknown) => (isClusterError(error) ? error.code : 'STORE_FAILED');

export async function inspectOwn({ driver, config, latest, signal }: Observer): Promise<OwnDaemon> {
  const call = { signal, list: latest() };
  const listed = call.list?.members.find((member) => member.node === config.self);
  try {
    const [membership, health] = await Promise.all([
      driver.membership(call),
      driver.health({ node: config.self, listed }, call),
    ]);
    return { kind: 'known', membership, status: health.status };
  } catch (error) {
    return { kind: 'unknown', cause: isClusterError(error) ? error.code : 'DRIVER_FAILED' };
  }
}

async function listMembers({ backend, clock, signal }: Observer): Promise<Listing> {
  const askedAtMs = clock.monotonicMs();
  try {
    return { kind: 'listed', list: await backend.list({ signal }), askedAtMs };
  } catch (error) {
    return { kind: 'failed', cause: codeOf(error) };
  }
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

/** Where entries are views, only a target must answer: the best one first, and all others together if it does not. */
async function askTargets(
  observer: Observer,
  peers: readonly Peer[],
  list: MemberList,
  answers: Answers,
): Promise<void> {
  if (list.record.kind !== 'present') return;
  const { record } = list.record;
  const candidates = bestFirst(
    observer.config,
    peers.filter((peer) => peer.ready && namesRecord(peer, record)),
  );
  await ask(observer, candidates.slice(0, 1), list, answers);
  const [best] = candidates;
  if (best && answers.get(best.entry.node)?.status !== 'up') await ask(observer, candidates.slice(1), list, answers);
}

function sampleOf(peers: readonly Peer[], turn: number): readonly Peer[] {
  const start = (turn * SAMPLE) % Math.max(1, peers.length);
  return [...peers.slice(start), ...peers.slice(0, start)].slice(0, SAMPLE);
}

/** Looks at daemon, store and peers, and never rejects: what cannot be known is part of the observation. */
export async function observe(observer: Observer, probe: Probe, turn: number): Promise<Observation> {
  const { config, clock, announced } = observer;
  const [own, listing] = await Promise.all([inspectOwn(observer), listMembers(observer)]);
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
    if (probe === 'all') await askTargets(observer, peers, list, answers);
  } else {
    await ask(observer, probe === 'all' ? peers : sampleOf(peers, turn), list, answers);
  }
  return draft();
}
