import type { Outline } from './faults/index.js';
import type { Happening } from './plan.js';

/** Happenings that seldom meet by chance, and the faults that they are made of. */
interface Meeting {
  readonly faults: readonly string[];
  /** How often it is drawn where it can happen. */
  readonly probability: number;
  readonly fits: (traits: Outline['traits']) => boolean;
  readonly draw: (outline: Outline, names: readonly string[]) => readonly Happening[];
}

/** Rows of the fault catalogue. */
const OUTAGE = '2';
const LOST_ANSWER = '4';
const PARTIAL_LIST = '10';
const STOPPED_IN_CALL = '32';
const REMOVAL_TROUBLE = '39c';
const CUT_OFF = '41a';
const LOST_DISK = '61';
/** A machine, or the process of a node alone, is away. */
export const AWAY = '65';
const LEAVE = '66';
const PAUSE = '67';

/** Whatever a node said of its data before it lost them is no excuse any more after so long. */
const LONG_OUTAGE_MS = 60_000;
/** Whoever is away for so long is removed, where nothing speaks against it. */
const REMOVED_TTLS = 5;

const between = ({ random, traits }: Outline, least: number, most: number): number =>
  Math.round((least + random.next() * (most - least)) * traits.ttlMs);

const removes = ({ daemon, cleanup, nodes }: Outline['traits']): boolean =>
  daemon === 'durable' && cleanup === 'remove' && nodes > 1;

function absence(outline: Outline, node: string, how: string): Happening & { readonly node: string } {
  const forMs = between(outline, REMOVED_TTLS, REMOVED_TTLS + 3);
  const values = { node, how, forMs, forGood: false, returnsWhenMarked: false };
  return { atMs: between(outline, 0.5, 1), fault: AWAY, values, node };
}

/** Every call of one kind, for so long. */
const always = (node: string, verb: 'list' | 'lock', forMs: number): Happening['values'] => ({
  node,
  verbs: [verb],
  times: 1_000,
  chance: 1,
  forMs,
});

const MEETINGS: readonly Meeting[] = [
  {
    // A daemon loses its disk in the middle of a long outage of the store.
    faults: [OUTAGE, LOST_DISK],
    probability: 0.05,
    fits: ({ daemon }) => daemon === 'durable',
    draw(outline) {
      const atMs = between(outline, 0.5, 2);
      const beforeMs = between(outline, 0.1, 1);
      const forMs = LONG_OUTAGE_MS + beforeMs + between(outline, 0.5, 2);
      return [
        { atMs, fault: OUTAGE, values: { forMs, prolongs: outline.chance(0.7) } },
        { atMs: atMs + beforeMs, fault: LOST_DISK, values: { node: outline.node() } },
      ];
    },
  },
  {
    // A removal hangs or fails, whoever carries it out.
    faults: [AWAY, REMOVAL_TROUBLE],
    probability: 0.1,
    fits: removes,
    draw(outline, names) {
      const kind = outline.pick(['fail', 'hang', 'hang', 'hang-until-abort', 'pretend']);
      const away = absence(outline, outline.node(), 'powerOff');
      const verbs = outline.pick([['forget'], ['forget', 'afterForget']]);
      const values = { verbs, times: 1, kind, afterSteps: outline.below(2), leaves: false, afterMs: 0, backAfterMs: 0 };
      const others = names.filter((name) => name !== away.node);
      return [away, ...others.map((node) => ({ atMs: 0, fault: REMOVAL_TROUBLE, values: { ...values, node } }))];
    },
  },
  {
    // Somebody is away for long while cleanup is paused.
    faults: [AWAY, PAUSE],
    probability: 0.05,
    fits: removes,
    draw: (outline) => [
      absence(outline, outline.node(), 'powerOff'),
      {
        atMs: between(outline, 1, 2),
        fault: PAUSE,
        values: { forMs: between(outline, REMOVED_TTLS, REMOVED_TTLS + 2) },
      },
    ],
  },
  {
    // The process of a node is away, and its daemon runs on: in the view of all others but one.
    faults: [AWAY, CUT_OFF],
    probability: 0.1,
    fits: removes,
    draw(outline, names) {
      const away = absence(outline, outline.node(), 'crash');
      const other = outline.pick(names.filter((name) => name !== away.node));
      const forMs = between(outline, REMOVED_TTLS + 2, REMOVED_TTLS + 4);
      return [away, { atMs: away.atMs, fault: CUT_OFF, values: { node: away.node, other, forMs } }];
    },
  },
  {
    // All lists are incomplete when somebody has been away for nearly as long as it takes to be removed.
    faults: [AWAY, PARTIAL_LIST],
    probability: 0.04,
    fits: removes,
    draw(outline, names) {
      const away = absence(outline, outline.node(), 'powerOff');
      const atMs = away.atMs + between(outline, 1, REMOVED_TTLS - 1);
      const forMs = between(outline, 1, 2);
      const others = names.filter((name) => name !== away.node);
      return [away, ...others.map((node) => ({ atMs, fault: PARTIAL_LIST, values: always(node, 'list', forMs) }))];
    },
  },
  {
    // Whoever asks for a lock gets no answers: it gives up, and may have got it.
    faults: [LOST_ANSWER],
    probability: 0.04,
    fits: ({ jobs }) => jobs,
    draw(outline, names) {
      const atMs = between(outline, 0.5, 1.5);
      const forMs = between(outline, 2, 4);
      return names.map((node) => ({ atMs, fault: LOST_ANSWER, values: always(node, 'lock', forMs) }));
    },
  },
  {
    // Whoever creates is stopped before it commits, for nearly as long as its lock lasts.
    faults: [STOPPED_IN_CALL],
    probability: 0.04,
    fits: () => true,
    draw(outline, names) {
      const forMs = between(outline, 0.55, 0.85);
      const values = { verb: 'create', when: 'answered', withinMs: between(outline, 1, 2), backAfterMs: 0, forMs };
      return names.map((node) => ({ atMs: 0, fault: STOPPED_IN_CALL, values: { ...values, node } }));
    },
  },
  {
    // A node leaves for good when another one has been removed.
    faults: [AWAY, LEAVE],
    probability: 0.05,
    fits: removes,
    draw(outline, names) {
      const away = absence(outline, outline.node(), 'powerOff');
      const node = outline.pick(names.filter((name) => name !== away.node));
      const values = { node, afterMs: between(outline, 0, 1), backAfterMs: between(outline, 1, 3) };
      return [away, { atMs: away.atMs + REMOVED_TTLS * outline.traits.ttlMs, fault: LEAVE, values }];
    },
  },
];

export interface Drawn {
  readonly happenings: readonly Happening[];
  /** When the last of them is over. */
  readonly untilMs: number;
}

const endOf = ({ atMs, values: { forMs } }: Happening): number => atMs + (typeof forMs === 'number' ? forMs : 0);

/** Now and then what seldom meets by chance. At most one such meeting is drawn. */
export function drawMeeting(outline: Outline, names: readonly string[], allowed: ReadonlySet<string>): Drawn {
  const { traits, random } = outline;
  let left = random.next();
  for (const { faults, probability, fits, draw } of MEETINGS) {
    left -= probability;
    if (left >= 0) continue;
    if (!fits(traits) || !faults.every((id) => allowed.has(id))) break;
    const happenings = draw(outline, names).map(({ atMs, fault, values }): Happening => ({ atMs, fault, values }));
    return { happenings, untilMs: Math.max(...happenings.map(endOf)) + traits.ttlMs };
  }
  return { happenings: [], untilMs: 0 };
}
