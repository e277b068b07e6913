import type { MemberList } from '@autocluster/core/backend';
import { describe, expect, it } from 'vitest';
import { FRESH_MEMORY, noteListing, noteRemoval, remember } from '../../src/cleanup/memory.js';
import type { CleanupMemory } from '../../src/cleanup/observation.js';
import { plan } from '../../src/cleanup/plan/index.js';
import {
  brakes,
  entry,
  INTERVAL_MS,
  lookAt,
  observationOf,
  policyOf,
  rememberAll,
  RIPE_AT_MS,
  type Sketch,
} from './plan-kit.js';

const policy = policyOf();

/** n3 is missing since 15 s; it was last listed as n3#1. */
function missing(): CleanupMemory {
  const seen = remember(policy, FRESH_MEMORY, lookAt(0, {}));
  return remember(policy, seen, lookAt(15_000, { away: ['n3'] }));
}

function listing(askedAtMs: number, more: Partial<MemberList> = {}) {
  const { listing: made } = lookAt(askedAtMs, {});
  if (made.kind !== 'listed') return expect.fail('no list');
  return {
    kind: 'listed',
    askedAtMs,
    answeredAtMs: askedAtMs + 1,
    list: { ...made.list, revision: 20n, ...more },
  } as const;
}

/** What holds n3, by a look from before the list, with all that is remembered after it. */
function heldAfter(more: Partial<MemberList>): readonly string[] {
  const looks = RIPE_AT_MS.map((ms, index) => lookAt(ms, index === 0 ? {} : { away: ['n3'] }));
  const ripe = lookAt(75_000, { away: ['n3'] });
  const before = rememberAll(policy, [...looks, ripe]);
  const noted = noteListing(policy, before, listing(75_010, more), 75_020);
  const held = (memory: CleanupMemory) => {
    const made = plan(policy, { ...ripe, memory: remember(policy, memory, ripe) });
    return [...brakes(made), ...made.candidates.flatMap((each) => each.heldBy.map(({ brake }) => brake))];
  };
  expect(held(before)).toEqual([]);
  return held(noted);
}

const again = { ...entry('n3'), instance: 'n3#2' };
const back = { members: [entry('n1'), entry('n2'), again] };
const without = { members: [entry('n1'), entry('n2')] };

describe('a list that was made for something else', () => {
  it('C5 C8: ends the absence of who came back between two looks, and knows it by its latest instance', () => {
    const noted = noteListing(policy, missing(), listing(20_000, back), 20_100);
    expect(noted.absences.has('n3')).toBe(false);
    const later = remember(policy, noted, lookAt(30_000, { away: ['n3'], revision: 21n }));
    expect(later.absences.get('n3')).toMatchObject({ sinceMs: 30_000, forMs: 0, observations: 1 });
    expect(later.instances.get('n3')).toBe('n3#2');
  });

  it('says nothing against an absence when it does not show the member either', () => {
    const noted = noteListing(policy, missing(), listing(20_000, without), 20_100);
    expect(noted.absences.get('n3')).toEqual(missing().absences.get('n3'));
  });

  it('from before the absence ends nothing, though it is in later', () => {
    const noted = noteListing(policy, missing(), listing(14_000, back), 20_100);
    expect(noted.absences.has('n3')).toBe(true);
    expect(noted.instances.has('n3')).toBe(false);
  });

  it('C8: that ran beside another one, and shows another instance, leaves it open which of both was the last', () => {
    const first = noteListing(policy, FRESH_MEMORY, { ...listing(0), answeredAtMs: 1_000 }, 1_000);
    const seen = remember(policy, first, lookAt(1_001, { revision: 20n }));
    expect(seen.instances.get('n3')).toBe('n3#1');
    const beside = noteListing(policy, seen, listing(900, { ...back, revision: 21n }), 1_100);
    const later = remember(policy, beside, lookAt(15_000, { away: ['n3'], revision: 22n }));
    expect([...later.instances.keys()]).toEqual(['n1', 'n2']);
  });

  it('that may miss entries still shows who is there', () => {
    const noted = noteListing(policy, missing(), listing(20_000, { ...back, complete: false }), 20_100);
    expect(noted.absences.has('n3')).toBe(false);
  });

  it.each([
    ['another store', { store: 's-2' }],
    ['a store that went back', { revision: 3n }],
  ])('C12: tells of %s', (_what, more) => {
    const noted = noteListing(policy, missing(), listing(20_000, { ...without, ...more }), 20_100);
    expect(noted.storeChangedAtMs).toBe(20_100);
    expect(noted.instances.size).toBe(0);
  });

  it('that is in late is no store that went back', () => {
    const noted = noteListing(policy, missing(), listing(20_000, without), 20_500);
    const late = remember(policy, noted, lookAt(20_001, { away: ['n3'] }));
    expect(late.storeChangedAtMs).toBeUndefined();
    expect(late.revision).toBe(20n);
  });

  it('that was asked for after another one was answered is not late, though that one is noted only now', () => {
    const noted = noteListing(policy, missing(), listing(20_000, without), 20_500);
    const later = noteListing(policy, noted, listing(20_200, { ...without, revision: 19n }), 20_600);
    expect(later.storeChangedAtMs).toBe(20_600);
  });

  it('C8 C11: holds a removal that a look from before it allowed', () => {
    expect(heldAfter(without)).toEqual([]);
    expect(heldAfter(back)).toEqual(['grace']);
    expect(heldAfter({ ...without, store: 's-2' })).toContain('store-changed');
  });

  it('that failed changes nothing', () => {
    const before = missing();
    expect(
      noteListing(policy, before, { kind: 'failed', cause: 'STORE_FORBIDDEN', text: 'STORE_FORBIDDEN: no' }, 20_100),
    ).toBe(before);
  });
});

/** As the scheduler does it: the list of a look is noted when it is answered, and then the look is remembered. */
function lookAs(memory: CleanupMemory, atMs: number, sketch: Sketch): CleanupMemory {
  const look = lookAt(atMs, sketch);
  return remember(policy, noteListing(policy, memory, look.listing, atMs), look);
}

describe('after a time without a list', () => {
  const LATER_MS = 10 * INTERVAL_MS;

  it('C8: the instance before it counts no more, though the list of the look was noted first', () => {
    const seen = lookAs(FRESH_MEMORY, 0, {});
    expect(lookAs(seen, LATER_MS, { away: ['n3'] }).instances.has('n3')).toBe(false);
  });

  it('C8: the instance before it counts no more, though something else made the first list after it', () => {
    const seen = remember(policy, FRESH_MEMORY, lookAt(0, {}));
    const noted = noteListing(policy, seen, listing(LATER_MS - 100, without), LATER_MS - 99);
    const later = remember(policy, noted, lookAt(LATER_MS, { away: ['n3'], revision: 21n }));
    expect(later.instances.has('n3')).toBe(false);
  });

  it('C5: the absence before it counts no more', () => {
    const noted = noteListing(policy, missing(), listing(LATER_MS, without), LATER_MS + 1);
    expect(noted.absences.size).toBe(0);
  });
});

describe('a look whose list is older than one that was noted meanwhile', () => {
  const seen = remember(policy, FRESH_MEMORY, lookAt(0, {}));
  /** Its list was asked for at 15 s; the members that it asked took five seconds. */
  const slow = (sketch: Sketch) => ({ ...lookAt(15_000, sketch), nowMs: 20_000 });
  const after = (sketch: Sketch, more: Partial<MemberList>) => {
    const look = slow(sketch);
    const told = noteListing(policy, seen, look.listing, 15_000);
    return remember(policy, noteListing(policy, told, listing(17_000, more), 17_001), look);
  };

  it('C8: does not put back the instance before', () => {
    expect(after({}, back).instances.get('n3')).toBe('n3#2');
  });

  it('C5: begins no absence of whom the newer list shows', () => {
    expect(after({ away: ['n3'] }, {}).absences.has('n3')).toBe(false);
    expect(after({ away: ['n3'] }, without).absences.has('n3')).toBe(true);
  });
});

it('C8: one look in which the own daemon does not answer forgets no instance', () => {
  const hiccup = lookAs(lookAs(FRESH_MEMORY, 0, {}), 15_000, { own: 'unknown' });
  expect(lookAs(hiccup, 30_000, { away: ['n3'] }).instances.get('n3')).toBe('n3#1');
});

it('C5 C8: after a removal nothing is known of the member, and all of the others', () => {
  const after = noteRemoval(missing(), { kind: 'removed', node: 'n3', instance: 'n3#1' });
  expect(after.absences.size).toBe(0);
  expect([...after.instances.keys()]).toEqual(['n1', 'n2']);
});

it('whose removal failed comes after those that were not tried as often', () => {
  const always = { members: ['n1', 'n2', 'n3', 'n4', 'n5'], away: ['n3', 'n4'] };
  const observation = observationOf(policy, { always });
  const turn = (memory: CleanupMemory) => {
    const { ripe, removes } = plan(policy, { ...observation, memory });
    return { ripe, removes };
  };
  const failed = (memory: CleanupMemory, node: string) =>
    noteRemoval(memory, { kind: 'failed', node, code: 'DRIVER_FAILED', text: 'no', certain: true });
  const once = failed(observation.memory, 'n3');
  expect(turn(observation.memory)).toEqual({ ripe: ['n3', 'n4'], removes: ['n3'] });
  expect(turn(once)).toEqual({ ripe: ['n4', 'n3'], removes: ['n4'] });
  expect(turn(failed(once, 'n4'))).toEqual({ ripe: ['n3', 'n4'], removes: ['n3'] });
});
