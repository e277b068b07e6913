import { describe, expect, it } from 'vitest';
import { BRAKE_NAMES, BRAKES, type BrakeName } from '../../src/cleanup/brake.js';
import { objection } from '../../src/cleanup/plan/index.js';
import { ABSENT, BLANK, committed, OTHER } from '../formation/kit.js';
import { brakes, brakesOn, entry, planOf, type Question, type Sketch } from './plan-kit.js';

const FIVE = ['n1', 'n2', 'n3', 'n4', 'n5'];
const lost: Sketch = { away: ['n3'] };

/** `brake | what is so | what is seen now, with n3 away for long enough`. */
type StopCase = readonly [brake: BrakeName, what: string, now: Sketch];

const STOPS: readonly StopCase[] = [
  ['paused', 'an operator has paused cleanup', { settings: { 'cleanup.paused': 'operator' } }],
  ['paused', 'the record was restored', { settings: { 'cleanup.paused': 'restored' } }],
  ['lock-not-held', 'another node is the executor', { hasLock: false }],
  ['list-incomplete', 'the list failed', { listFails: true }],
  ['list-incomplete', 'the list says that entries are missing', { complete: false }],
  ['list-incomplete', 'an entry is unknown', { skipped: [{ key: 'x', reason: 'not JSON' }] }],
  ['list-incomplete', 'the record is absent', { record: ABSENT }],
  ['list-incomplete', 'the record is unreadable', { record: { kind: 'unreadable', reason: 'format 2' } }],
  ['list-empty', 'nobody is listed', { empty: true }],
  ['self-unlisted', 'the executor is not listed', { away: ['n1', 'n3'] }],
  ['self-unlisted', 'the executor is listed as another instance', { instance: 'n1#2' }],
  ['self-unlisted', 'the own registration may have lapsed', { instance: undefined }],
  ['self-not-member', 'the own daemon is blank', { own: BLANK }],
  ['self-not-member', 'the own daemon belongs to another cluster', { own: committed(OTHER) }],
  ['self-not-member', 'the record says that the executor was removed', { removed: ['n1'] }],
  ['self-not-member', 'the other member does not know the executor', { answers: { n2: { knows: 'cluster' } } }],
  ['self-not-member', 'the own daemon does not count itself', { members: ['n2', 'n3'], strangers: [entry('n1')] }],
  ['split-seen', 'a member of another cluster is listed', { strangers: [entry('x', OTHER)] }],
  ['health-unknown', 'the own daemon does not answer', { own: 'unknown' }],
  ['health-unknown', 'the own daemon is down', { ownStatus: 'down' }],
  ['health-unknown', 'a listed member cannot be asked', { answers: { n2: { status: 'unknown', knows: 'nothing' } } }],
  ['health-unknown', 'a listed member tells no view', { answers: { n2: { status: 'up', knows: 'nothing' } } }],
  ['store-changed', 'the store is another one', { store: 's-2' }],
  ['store-changed', 'the store went back', { revision: 3n }],
  ['formation-active', 'the formation lock is busy', { formationBusy: 'n9 holds it' }],
];

/** `brake | what is so | question`. */
const HOLDS: readonly (readonly [brake: BrakeName, what: string, question: Question])[] = [
  ['report-only', 'the default mode', { options: { mode: 'report' }, always: lost }],
  ['list-shrank', 'three of five are not listed', { always: { members: FIVE, away: ['n3', 'n4', 'n5'] } }],
  ['minority', 'two lose one', { always: { members: ['n1', 'n3'], away: ['n3'] } }],
  ['minority', 'three lost one before, and lose another', { always: { members: ['n1', 'n3'], away: ['n3'], size: 3 } }],
  [
    'minority',
    'another member is down',
    { always: { ...lost, answers: { n2: { status: 'down', knows: 'nothing' } } } },
  ],
  ['minority', 'a witness was removed itself', { always: { ...lost, removed: ['n2'] } }],
  ['members-min', 'fewer would be left than must be', { options: { membersMin: 3 }, always: lost }],
  ['removal-ratio', 'three of five at once', { always: { members: FIVE, away: ['n3', 'n4', 'n5'] } }],
  ['removal-ratio', 'no share may go', { options: { removalRatioMax: 0 }, always: lost }],
];

describe('C1–C9: a plan', () => {
  it('removes one of three that was away for the grace, as the others say', () => {
    const made = planOf({ always: lost });
    expect(made).toMatchObject({ removes: ['n3'], ripe: ['n3'], heldBy: [], base: 3, witnesses: ['n1', 'n2'] });
    expect(made.candidates).toEqual([
      {
        node: 'n3',
        instance: undefined,
        awayForMs: 60_000,
        observations: 5,
        marked: false,
        seenRunningBy: [],
        heldBy: [],
      },
    ]);
  });

  it.each(STOPS)('%s stops the clocks: %s', (brake, _what, now) => {
    const made = planOf({ always: lost, now });
    expect(brakes(made)).toContain(brake);
    expect(BRAKES[brake].family).toBe('clocks');
    expect(made.removes).toEqual([]);
    expect(made.ripe).toEqual([]);
    // Gone again, the grace begins anew: what was proved before does not count.
    const after = planOf({ always: lost, at: { 45_001: now } });
    expect(after.candidates.every(({ awayForMs, observations }) => awayForMs === 0 && observations <= 1)).toBe(true);
    expect(after.removes).toEqual([]);
  });

  it.each(HOLDS)('%s holds the plan: %s', (brake, _what, question) => {
    const made = planOf(question);
    expect(brakes(made)).toContain(brake);
    expect(BRAKES[brake].family).toBe('plan');
    expect(made.removes).toEqual([]);
    // An operator who has read it may apply it.
    expect(made.ripe).toContain('n3');
    expect(objection(made, 'n3', true)).toBeUndefined();
    expect(objection(made, 'n3', false)).toMatchObject({ brake: brakes(made)[0] });
  });

  it('removals-per-tick: takes them one by one, in natural order', () => {
    const away = ['n10', 'n9'];
    const always = { members: ['n1', 'n2', 'n3', 'n4', ...away], away };
    expect(planOf({ always })).toMatchObject({ removes: ['n9'], ripe: ['n9', 'n10'] });
    expect(planOf({ always, options: { removalsPerTickMax: 2 } })).toMatchObject({
      removes: ['n9', 'n10'],
      heldBy: [],
    });
  });

  it('observersUnknownMax: a large cluster may have members that cannot be asked', () => {
    const always = { members: FIVE, away: ['n3'], answers: { n5: { status: 'unknown', knows: 'nothing' } } } as const;
    expect(brakes(planOf({ always }))).toContain('health-unknown');
    expect(planOf({ always, options: { observersUnknownMax: 1 } })).toMatchObject({ removes: ['n3'], unknown: ['n5'] });
  });
});

const MEMBERS: readonly (readonly [brake: BrakeName, what: string, question: Question])[] = [
  ['grace', 'away for less than the grace', { always: lost, atMs: [0, 15_000, 30_000, 45_000] }],
  ['grace', 'seen too seldom', { always: lost, options: { observationsMin: 6 } }],
  ['grace', 'listed in between', { always: lost, at: { 30_000: { away: [] } } }],
  ['grace', 'seen to run in between', { always: lost, at: { 30_000: { running: { n2: ['n3'] } } } }],
  ['grace', 'a gap of more than two intervals', { always: lost, atMs: [0, 15_000, 30_000, 60_001] }],
  ['grace', 'many looks at once are one observation', { always: lost, atMs: [0, 1, 2, 3, 4, 45_002] }],
  ['seen-running', 'the executor sees it run', { always: { ...lost, running: { n1: ['n3'] } } }],
  ['seen-running', 'another member sees it run', { always: { ...lost, running: { n2: ['n3'] } } }],
  [
    'seen-running',
    'a member that was removed itself sees it run',
    { always: { members: FIVE, away: ['n3'], removed: ['n2'], running: { n2: ['n3'] } } },
  ],
  ['seen-running', 'it answers as a member', { always: { ...lost, answers: { n3: { status: 'up', knows: 'me' } } } }],
  [
    'seen-running',
    'it is up and tells no view',
    { always: { ...lost, answers: { n3: { status: 'up', knows: 'nothing' } } } },
  ],
  ['member-is-self', 'it is the executor', { always: { away: ['n1'] } }],
  [
    'removed-full',
    'the record remembers enough names',
    { options: { removedMax: 1 }, always: { ...lost, removed: ['z'] } },
  ],
];

describe('C5 C8: a candidate', () => {
  it.each(MEMBERS)('%s holds it, whoever asks: %s', (brake, _what, question) => {
    const made = planOf(question);
    const node = brake === 'member-is-self' ? 'n1' : 'n3';
    expect(brakesOn(made, node)).toContain(brake);
    expect(BRAKES[brake].family).toBe('member');
    expect(made.removes).toEqual([]);
    expect(made.ripe).toEqual([]);
    expect(objection(made, node, true)).toBeDefined();
  });

  it('C15: is nobody who is listed, whatever its daemon says', () => {
    const made = planOf({ always: { answers: { n3: { status: 'down', knows: 'nothing' } } } });
    expect(made).toMatchObject({ candidates: [], removes: [], heldBy: [] });
    expect(objection(made, 'n3', true)).toMatchObject({ brake: 'returned' });
  });

  it('is one that is up and wiped: it belongs nowhere', () => {
    expect(planOf({ always: { ...lost, answers: { n3: { status: 'up', knows: 'other' } } } }).removes).toEqual(['n3']);
  });

  it('is marked already when a removal was cut short: no room is needed for its name', () => {
    const made = planOf({ options: { removedMax: 1 }, always: { ...lost, removed: ['n3'] } });
    expect(made.candidates).toMatchObject([{ marked: true, heldBy: [] }]);
    expect(made.removes).toEqual(['n3']);
  });
});

it('C12: every brake has a case here, or is one of the last look before a removal', () => {
  const covered = new Set<string>([...STOPS, ...HOLDS, ...MEMBERS].map(([brake]) => brake));
  const atRemoval = ['removals-per-tick', 'returned', 'readmitted'];
  expect([...covered, ...atRemoval].toSorted()).toEqual(BRAKE_NAMES.toSorted());
});

describe('the instance under which a member is removed', () => {
  const away = { away: ['n3'] };
  const instanceAt = (atMs: readonly number[], at: Record<number, object>) =>
    planOf({ atMs, at: { 0: {}, ...at } }).candidates.find(({ node }) => node === 'n3')?.instance;

  it('is the one with which it was last listed', () => {
    expect(instanceAt([0, 15_000, 30_000], { 15_000: away, 30_000: away })).toBe('n3#1');
  });

  it('is unknown where nobody looked for a while: it may have been there as another one', () => {
    expect(instanceAt([0, 90_000, 105_000], { 90_000: away, 105_000: away })).toBeUndefined();
  });

  it('is known still after a brake that stops the clocks', () => {
    const braked = { ...away, ownStatus: 'down' } as const;
    const atMs = [0, 15_000, 30_000, 45_000, 60_000];
    expect(instanceAt(atMs, { 15_000: braked, 30_000: braked, 45_000: braked, 60_000: away })).toBe('n3#1');
  });

  it('is unknown after two intervals without a whole list', () => {
    const blind = { ...away, complete: false };
    expect(instanceAt([0, 15_000, 30_000], { 15_000: blind, 30_000: away })).toBe('n3#1');
    expect(instanceAt([0, 15_000, 30_000, 45_000], { 15_000: blind, 30_000: blind, 45_000: away })).toBeUndefined();
  });

  it.each([{ store: 's-2' }, { revision: 3n }])('is unknown in another store, or in an earlier one: %o', (store) => {
    expect(instanceAt([0, 15_000], { 15_000: { ...away, ...store } })).toBeUndefined();
  });
});
