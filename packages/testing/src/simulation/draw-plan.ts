import { invalidRange } from '@autocluster/core/backend';
import { seededRandom } from '../time/index.js';
import { type FaultKind, FAULTS, type Outline } from './faults/index.js';
import { AWAY, drawMeeting } from './draw-meetings.js';
import { type Happening, nodesOf, type Plan, type Traits } from './plan.js';

export interface DrawOptions {
  readonly seed: string | number;
  /** Default: 3 to 9, most often few. */
  readonly nodes?: number | undefined;
  /** Rows of the fault catalogue that may happen. Default: all of them. */
  readonly faults?: readonly string[] | undefined;
  /** What all nodes have in common, where it shall not be drawn. */
  readonly traits?: Partial<Traits> | undefined;
}

type Dice = Omit<Outline, 'traits' | 'node' | 'ttls'>;

function dice(seed: string): Dice {
  const random = seededRandom(seed);
  const below = (limit: number) => Math.floor(random.next() * limit);
  return {
    random,
    below,
    chance: (probability) => random.next() < probability,
    pick: (choices) => {
      const choice = choices[below(choices.length)];
      if (choice === undefined) throw invalidRange('choices', choices.length, 'at least one');
      return choice;
    },
  };
}

/** Long enough for what a node that died has held to be free, in every store; short enough to be over in a long history. */
const FORMATION_TTLS = 5;

function drawTraits({ random, pick, chance, below }: Dice, options: DrawOptions): Traits {
  // What others are drawn by is drawn also where it is given: the rest of a seed stays as it was.
  const { traits: given = {} } = options;
  const nodes = given.nodes ?? options.nodes ?? pick([3, 3, 3, 4, 4, 5, 5, 6, 7, 9]);
  const drawn = {
    daemon: pick(['durable', 'durable', 'process'] as const),
    ttlMs: pick([6_000, 15_000, 30_000]),
    store: pick(['full', 'full', 'full', 'consul', 'separate', 'plain'] as const),
  };
  const { daemon, store } = { ...drawn, ...given };
  const { ttlMs } = drawn;
  const operations = dice(`operations ${options.seed}`);
  const limits = dice(`limits ${options.seed}`);
  const spreadMs = pick([0, 50, 2_000, ttlMs]);
  return {
    nodes,
    daemon,
    concurrentJoins: chance(0.5),
    stepMs: pick([0, 20, 400]),
    store,
    latencyMs: pick([1, 10, 60, 60, ttlMs / 20]),
    drift: pick([0, 0.0009]),
    ttlMs: store === 'consul' ? Math.max(ttlMs, 10_000) : ttlMs,
    settleMs: pick([0, 15_000]),
    workMs: 3 * ttlMs,
    nodesExpectedMin: pick([1, 1, 1, 1 + below(nodes)]),
    formationTimeoutMs: limits.chance(0.25) ? FORMATION_TTLS * Math.max(ttlMs, 10_000) : 'unlimited',
    select: pick(store === 'plain' ? ['first-by-name', 'largest'] : ['first-by-name', 'oldest', 'largest']),
    onEvicted: pick(daemon === 'process' ? ['rejoin'] : ['stop', 'rejoin']),
    onLocalData: 'refuse',
    joinMinority: pick(['allow', 'wait']),
    // Whether a driver of the caller's keeps data nobody knows yet: whoever does must not resume.
    whenNobodyAlive: daemon === 'process' ? 'resume' : 'wait',
    jobs: chance(0.5),
    startsMs: Array.from({ length: nodes }, () => Math.round(random.next() * spreadMs)),
    cleanup: operations.pick(['off', 'off', 'report', 'remove', 'remove']),
    checkups: operations.chance(0.3),
    ...options.traits,
  };
}

/** Each history favours a few faults, so that some histories are full of one thing and others are a mixture. */
function weigh(faults: readonly FaultKind[], { random, chance }: Dice): readonly (readonly [FaultKind, number])[] {
  const swarm = faults.filter(() => chance(0.3));
  return (swarm.length > 0 ? swarm : faults).map((each) => [each, random.next() ** 2] as const);
}

function drawFault(weights: ReturnType<typeof weigh>, { random }: Dice): FaultKind | undefined {
  let left = random.next() * weights.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [kind, weight] of weights) {
    left -= weight;
    if (left <= 0) return kind;
  }
  return weights.at(-1)?.[0];
}

/** A member must be away for so long, at least, before it is removed. */
const AWAY_TTLS = 4;

/**
 * Where dead members are looked for, one is away for long enough, and now and then it was away shortly before, or others are away
 * as well.
 */
function drawAbsences({ traits, node, random, pick, chance, below }: Outline): readonly Happening[] {
  const ttls = (least: number, most: number) => Math.round((least + random.next() * (most - least)) * traits.ttlMs);
  const values = { node: node(), how: pick(['powerOff', 'stop', 'crash']) };
  const absence = (atMs: number, forMs: number, forGood: boolean): Happening => ({
    atMs,
    fault: AWAY,
    values: { ...values, forMs, forGood },
  });
  const atMs = ttls(0.2, 2);
  const long = (fromMs: number) => absence(fromMs, ttls(AWAY_TTLS, 6), chance(0.3));
  if (chance(0.25)) {
    const others = new Set(Array.from({ length: 1 + below(3) }, node).filter((each) => each !== values.node));
    const beside = (other: string): Happening => {
      const also = long(atMs + ttls(0, 0.5));
      return { ...also, values: { ...also.values, node: other } };
    };
    return [long(atMs), ...[...others].map(beside)];
  }
  if (chance(0.67)) return [long(atMs)];
  const shortMs = ttls(1.2, 2);
  return [absence(atMs, shortMs, false), long(atMs + shortMs + ttls(0.2, 1))];
}

/** The fault by which a daemon is down while its process lives. */
const DOWN = '52';

/** Now and then one daemon is down for so long that it is offered to nobody any more, and stays a member all the same. */
function drawOutage({ traits, node, random }: Outline): Happening {
  const atMs = Math.round((0.5 + random.next()) * traits.ttlMs);
  return { atMs, fault: DOWN, values: { node: node(), times: 1, everyMs: 2 * AWAY_TTLS * traits.ttlMs } };
}

/** Everything that a history will be, from its seed. */
export function drawPlan(options: DrawOptions): Plan {
  const { seed } = options;
  const dies = dice(`plan ${seed}`);
  const traits = drawTraits(dies, options);
  const names = nodesOf(traits);
  const ttls = (most: number) => Math.round(dies.random.next() ** 2 * most * traits.ttlMs);
  const outline: Outline = { ...dies, traits, node: () => dies.pick(names), ttls };
  const allowed = FAULTS.filter((each) => each.fits(traits) && (options.faults?.includes(each.id) ?? true));
  const weights = weigh(allowed, dies);
  const count = dies.pick([0, 1, 2, 3, 4, 6, 8, 12]);
  const cleans = traits.cleanup !== 'off' && allowed.some(({ id }) => id === AWAY);
  const waitsMs = cleans ? AWAY_TTLS * traits.ttlMs : 0;
  const lengthMs = traits.ttlMs * dies.pick([1, 2, 3]) + dies.below(traits.ttlMs) + waitsMs;
  const quietMs = traits.ttlMs * dies.pick([0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 6]);
  const happenings: Happening[] = [];
  for (let index = 0; index < count && allowed.length > 0; index += 1) {
    const kind = drawFault(weights, dies);
    if (!kind) break;
    // Most of what can go wrong goes wrong while a cluster is formed: early times are drawn more often.
    const isFirst = kind.liesInWait && dies.chance(0.6);
    const atMs = isFirst ? 0 : Math.round(dies.random.next() ** 2 * lengthMs);
    happenings.push({ atMs, fault: kind.id, values: kind.draw(outline) });
  }
  if (cleans) happenings.push(...drawAbsences(outline));
  if (cleans && allowed.some(({ id }) => id === DOWN) && dies.chance(0.25)) happenings.push(drawOutage(outline));
  // Dice of their own: what else is drawn from a seed stays as it was.
  const others = dice(`together ${seed}`);
  const ids = new Set(allowed.map(({ id }) => id));
  const meeting = drawMeeting({ ...outline, ...others, node: () => others.pick(names) }, names, ids);
  happenings.push(...meeting.happenings);
  happenings.sort((a, b) => a.atMs - b.atMs);
  return { seed, traits, happenings, healAtMs: Math.max(lengthMs, meeting.untilMs), quietMs };
}
