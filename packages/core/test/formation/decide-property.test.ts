import {
  array,
  assert,
  bigInt,
  boolean,
  constant,
  constantFrom,
  integer,
  option,
  property,
  record as shape,
  uniqueArray,
} from 'fast-check';
import type { LocalIdentity } from '@autocluster/core/driver';
import { describe, expect, it } from 'vitest';
import type { FormationConfig } from '../../src/formation/config.js';
import { decide } from '../../src/formation/decide/index.js';
import type { Look } from '../../src/formation/decide/decision.js';
import { freshMemory, remember } from '../../src/formation/memory.js';
import type { Observation } from '../../src/formation/observation.js';
import { situationOf } from '../../src/formation/situation.js';
import { joiningAs } from '../../src/formation/step/act.js';
import {
  BLANK,
  CLUSTER,
  committed,
  CONFIG,
  NEWER,
  observation,
  OTHER,
  present,
  provisional,
  record,
  unnamed,
} from './kit.js';

const identity = constantFrom(CLUSTER, OTHER, NEWER);
const LOCALS: readonly LocalIdentity[] = [
  BLANK,
  unnamed(),
  unnamed(true),
  ...[CLUSTER, OTHER, NEWER].flatMap((each) => [provisional(each), committed(each)]),
];
const local = constantFrom(...LOCALS);
const names = uniqueArray(constantFrom('me', 'a', 'b', 'c'), { maxLength: 4 });
const stored = constantFrom(
  { kind: 'absent' } as const,
  { kind: 'unreadable', reason: 'x' } as const,
  ...[CLUSTER, OTHER, NEWER].flatMap((each) => [
    present(each),
    present({ ...each, idle: true }),
    present({ ...each, removed: ['me', 'b'], version: 2 }),
  ]),
);
const peer = shape(
  {
    node: constantFrom('a', 'b', 'c'),
    state: constantFrom('joining', 'ready'),
    identity: option(identity, { nil: undefined }),
    status: constantFrom('up', 'down', 'unknown'),
    own: option(local, { nil: undefined }),
    members: names,
    recordVersion: integer({ min: 0, max: 5 }),
  },
  { requiredKeys: ['node'] },
);
const sketch = shape({
  own: constantFrom<LocalIdentity | 'unknown'>(...LOCALS, 'unknown'),
  ownMembers: names,
  ownStatus: constantFrom('up', 'down', 'unknown'),
  kept: constantFrom(record(), record({ ...OTHER, version: 9 }), record({ removed: ['me'] })),
  record: stored,
  peers: uniqueArray(peer, { selector: ({ node }) => node, maxLength: 3 }),
  complete: boolean(),
  listFails: boolean(),
  nowMs: integer({ min: 0, max: 200_000 }),
  lagMs: integer({ min: 0, max: 20_000 }),
  probed: constantFrom('all', 'sample'),
  store: constantFrom('s-1', 's-2'),
  revision: bigInt({ min: 1n, max: 5n }),
});
const config = shape({
  data: constantFrom('none', 'durable'),
  views: constantFrom('peer', 'registration'),
  concurrentJoins: boolean(),
  select: constantFrom('first-by-name', 'oldest', 'largest'),
  onLocalData: constantFrom('refuse', 'reset', 'adopt'),
  onEvicted: constantFrom('stop', 'rejoin'),
  joinMinority: constantFrom('allow', 'wait'),
  whenNobodyAlive: constantFrom<FormationConfig['whenNobodyAlive']>('wait', 'resume', { recreate: 1 }),
  nodesExpectedMin: integer({ min: 1, max: 4 }),
  settleMs: constantFrom(0, 20_000),
});

type Drawn = typeof sketch extends { generate: (...args: never) => { value: infer V } } ? V : never;
const observed = ({ lagMs, ...drawn }: Drawn): Observation => observation({ ...drawn, askedAtMs: drawn.nowMs - lagMs });

/** A look after a short history, as it can be in a run. */
function lookAfter(change: Partial<FormationConfig>, history: readonly Observation[], formed: boolean): Look {
  const settings = { ...CONFIG, ...change };
  const ordered = [...history].sort((a, b) => a.nowMs - b.nowMs);
  const memory = ordered.reduce(
    (before, each) => remember(settings, before, each, situationOf(settings, each)),
    freshMemory(0),
  );
  return { config: settings, observation: ordered.at(-1) ?? observation(), memory, formed };
}

const look = shape({ change: config, history: array(sketch, { minLength: 1, maxLength: 3 }), formed: boolean() }).map(
  (drawn) => lookAfter(drawn.change, drawn.history.map(observed), drawn.formed),
);

/** A look of a member of the cluster on record, at peers most of which belong to it as well. */
const homelyPeer = shape({
  node: constantFrom('a', 'b', 'c', 'd', 'e'),
  state: constantFrom('ready', 'ready', 'joining'),
  identity: constant(CLUSTER),
  status: constantFrom('up', 'up', 'unknown'),
  own: constant(committed()),
  members: constantFrom(['me', 'a'], ['a', 'b']),
});
const homelySketch = shape({
  own: constant(committed()),
  ownMembers: names,
  ownStatus: constantFrom('up', 'down', 'unknown'),
  kept: constant(record()),
  record: constantFrom(present(), present({ size: 5 }), present({ removed: ['me'] }), present({ idle: true })),
  peers: uniqueArray(homelyPeer, { selector: ({ node }) => node, maxLength: 5 }),
  nowMs: integer({ min: 0, max: 200_000 }),
  probed: constantFrom('all', 'sample'),
  announced: constant({ state: 'ready', identity: CLUSTER } as const),
});
const homely = shape({ change: config, history: array(homelySketch, { minLength: 1, maxLength: 3 }) }).map((drawn) =>
  lookAfter(drawn.change, drawn.history.map(observation), true),
);

const RUNS = { numRuns: 4_000 };

describe('decide, whatever is observed', () => {
  it('is total: every look at a known situation ends in a row', () => {
    assert(
      property(look, (each) => {
        expect(decide(each).row).not.toBe('none');
      }),
      RUNS,
    );
  });

  it('depends on nothing but the look, and not on the order of entries', () => {
    assert(
      property(look, (each) => {
        const { observation: seen } = each;
        const list =
          seen.listing.kind === 'listed'
            ? { ...seen.listing.list, members: [...seen.listing.list.members].reverse() }
            : undefined;
        const listing = seen.listing.kind === 'listed' && list ? { ...seen.listing, list } : seen.listing;
        const turned = { ...each, observation: { ...seen, listing, peers: new Map([...seen.peers].reverse()) } };
        expect(decide(turned)).toEqual(decide(each));
      }),
      RUNS,
    );
  });

  it('F2 F6: nothing is created while anything speaks for a cluster, or when the list does not say enough', () => {
    assert(
      property(look, (each) => {
        const decision = decide(each);
        if (decision.kind !== 'create') return;
        const { listing } = each.observation;
        expect(listing.kind).toBe('listed');
        if (listing.kind !== 'listed') return;
        expect(listing.list.complete).toBe(true);
        expect(each.observation.nowMs - listing.askedAtMs).toBeLessThanOrEqual(15_000);
        expect(listing.list.record.kind).not.toBe('unreadable');
        expect(listing.list.members.filter((entry) => entry.node !== 'me' && entry.identity)).toEqual([]);
        if (listing.list.record.kind === 'present') expect(each.config.whenNobodyAlive).not.toBe('wait');
      }),
      RUNS,
    );
  });

  it('F19: a formed node stops for nothing but a higher generation in a store that did not change', () => {
    assert(
      property(look, (each) => {
        if (!each.formed) return;
        const decision = decide(each);
        if (decision.kind !== 'fail') return;
        expect(['7', '9', '11', '19']).toContain(decision.row);
        if (decision.row === '7') expect(each.memory.storeChangeSettled).toBe(true);
      }),
      RUNS,
    );
  });

  it('F16: data is destroyed only by policy, or where it counts as nothing', () => {
    assert(
      property(look, (each) => {
        const decision = decide(each);
        const { own } = each.observation;
        const kind = own.kind === 'known' ? own.membership.identity.kind : 'unknown';
        if (decision.kind === 'rejoin')
          expect(each.config.onEvicted === 'rejoin' || each.config.data === 'none').toBe(true);
        if (!('reset' in decision) || !decision.reset) return;
        expect(kind).not.toBe('committed');
        const marked =
          own.kind === 'known' && own.membership.identity.kind === 'unnamed' && own.membership.identity.interruptedJoin;
        if (kind === 'unnamed' && !marked) expect(each.config.onLocalData).toBe('reset');
      }),
      RUNS,
    );
  });

  it('no look sends a node from formed to demoted and back', () => {
    let demoted = 0;
    assert(
      property(homely, ({ observation: seen, ...each }) => {
        const before = decide({ ...each, observation: seen, formed: true });
        if (before.kind !== 'demote') return;
        demoted += 1;
        const announced = joiningAs(each.config, seen.own);
        const after = decide({ ...each, observation: { ...seen, announced }, formed: false });
        // These change nothing that is looked at, and would lead back to where the same look leads away from.
        expect(['member', 'keep', 'demote']).not.toContain(after.kind);
        if (after.kind === 'write') expect([before.row, after.change]).toEqual(['4', 'readmit-self']);
      }),
      RUNS,
    );
    expect(demoted).toBeGreaterThan(RUNS.numRuns / 20);
  });
});
