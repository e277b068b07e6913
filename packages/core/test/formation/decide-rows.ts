import { BLANK, CLUSTER, committed, member, NEWER, OTHER, present, provisional, type Question, record } from './kit.js';

/** `architecture row | what is so | what is observed | the decision that it must lead to`. */
export type RowCase = readonly [row: string, what: string, question: Question, decision: object];

const formed = { formed: true, announced: { state: 'ready', identity: CLUSTER } } as const;
const withMe = (node: string) => member(node, { members: [node, 'me'] });
const undersized = {
  own: committed(),
  ownMembers: ['me', 'z'],
  kept: record({ size: 1 }),
  record: present({ size: 1 }),
  peers: [withMe('z'), member('b', { state: 'joining', identity: undefined })],
};
const home = { own: committed(), ownMembers: ['me', 'a', 'b'], kept: record(), record: present() };

export const UNSURE_CASES: readonly RowCase[] = [
  ['0', 'own daemon unknown at start', { now: { own: 'unknown' } }, { kind: 'wait', reason: 'own-daemon-unknown' }],
  ['0', 'own daemon unknown when formed', { formed: true, now: { own: 'unknown' } }, { kind: 'stay' }],
  [
    '1',
    'the list failed',
    { now: { listFails: true } },
    { kind: 'wait', reason: 'store-unreachable', cause: 'STORE_UNREACHABLE' },
  ],
  ['1', 'the list failed when formed', { formed: true, now: { ...home, listFails: true } }, { kind: 'stay' }],
  ['1', 'the list is incomplete', { now: { complete: false } }, { kind: 'wait', reason: 'list-incomplete' }],
  [
    '1',
    'the list does not show this node, which is registered',
    { now: { announced: { state: 'joining', identity: undefined }, amListed: false } },
    { kind: 'wait', reason: 'list-stale' },
  ],
  ['1', 'the list is stale', { now: { nowMs: 20_000, askedAtMs: 4_000 } }, { kind: 'wait', reason: 'list-stale' }],
  [
    '1',
    'the store changed',
    { before: [{ store: 's-0' }], now: { store: 's-1' } },
    { kind: 'wait', reason: 'list-stale' },
  ],
  [
    '1',
    'the store went back',
    { before: [{ revision: 9n }], now: { revision: 8n } },
    { kind: 'wait', reason: 'list-stale' },
  ],
  [
    '2',
    'the record is unreadable',
    { now: { record: { kind: 'unreadable', reason: 'x' } } },
    { kind: 'wait', reason: 'record-unreadable' },
  ],
  [
    '2',
    'the record is unreadable when formed',
    { formed: true, now: { ...home, record: { kind: 'unreadable', reason: 'x' } } },
    { kind: 'stay', notice: 'record.unreadable' },
  ],
];

export const FORMED_CASES: readonly RowCase[] = [
  [
    '3',
    'the daemon was wiped under a living node',
    { ...formed, now: { ...formed, own: BLANK, record: present() } },
    { kind: 'demote' },
  ],
  [
    '4',
    'my name is in removed',
    { ...formed, now: { ...home, record: present({ removed: ['me'] }) } },
    { kind: 'demote' },
  ],
  [
    '4a',
    'the views of a majority lack me',
    { ...formed, now: { ...home, peers: [member('a'), member('b')] } },
    { kind: 'demote' },
  ],
  [
    '4a',
    'the views of a majority lack me, one has me',
    {
      ...formed,
      now: { ...home, record: present({ size: 5 }), peers: [withMe('a'), member('b'), member('c'), member('d')] },
    },
    { kind: 'demote' },
  ],
  [
    '4a',
    'one view of a sample lacks me',
    { ...formed, now: { ...home, probed: 'sample', peers: [member('a'), withMe('b')] } },
    { kind: 'look-closer' },
  ],
  [
    '4b',
    'the own daemon was down for one TTL',
    {
      ...formed,
      before: [{ ...home, ownStatus: 'down', nowMs: 1_000 }],
      now: { ...home, ownStatus: 'down', nowMs: 32_000 },
    },
    { kind: 'demote' },
  ],
  ['5', 'the record agrees', { ...formed, now: { ...home, peers: [withMe('a'), withMe('b')] } }, { kind: 'stay' }],
  [
    '5',
    'the record is newer than the kept one',
    { ...formed, now: { ...home, record: present({ version: 4 }) } },
    { kind: 'keep' },
  ],
  [
    '5',
    'more members than the record counts',
    { ...formed, config: { self: 'me' }, now: { ...home, record: present({ size: 2 }), peers: [withMe('z')] } },
    { kind: 'write', change: 'resize' },
  ],
  [
    '5',
    'more members than the record counts, and another one waits for its turn to join',
    { ...formed, config: { self: 'me', concurrentJoins: false }, now: { ...undersized, nowMs: 1_000 } },
    { kind: 'stay' },
  ],
  [
    '5',
    'the same, for longer than one look takes',
    {
      ...formed,
      config: { self: 'me', concurrentJoins: false },
      before: [{ ...undersized, nowMs: 1_000 }],
      now: { ...undersized, nowMs: 12_000 },
    },
    { kind: 'write', change: 'resize' },
  ],
  [
    '5',
    'the same, and joins need no turn',
    { ...formed, config: { self: 'me' }, now: { ...undersized, nowMs: 1_000 } },
    { kind: 'write', change: 'resize' },
  ],
  [
    '6',
    'a foreign record of equal generation',
    { ...formed, now: { ...home, record: present(OTHER) } },
    { kind: 'stay', notice: 'split.seen' },
  ],
  [
    '6',
    'a higher generation in a store that changed',
    {
      ...formed,
      before: [
        { ...home, store: 's-0', nowMs: 0 },
        { ...home, record: present(NEWER), nowMs: 1_000 },
      ],
      now: { ...home, record: present(NEWER), nowMs: 17_000 },
    },
    { kind: 'stay', notice: 'split.seen' },
  ],
  [
    '6',
    'no record, and a rival of equal generation',
    { ...formed, now: { ...home, record: { kind: 'absent' }, peers: [member('x', { identity: OTHER })] } },
    { kind: 'stay', notice: 'split.seen' },
  ],
];

export const COMMITTED_CASES: readonly RowCase[] = [
  ['7', 'a higher generation', { now: { ...home, record: present(NEWER) } }, { kind: 'fail', cause: 'EVICTED' }],
  [
    '7',
    'a higher generation, rejoin',
    { config: { onEvicted: 'rejoin' }, now: { ...home, record: present(NEWER) } },
    { kind: 'rejoin' },
  ],
  [
    '7',
    'a higher generation when formed',
    { ...formed, now: { ...home, record: present(NEWER) } },
    { kind: 'fail', cause: 'EVICTED' },
  ],
  [
    '8',
    'no record, just now',
    { now: { ...home, record: { kind: 'absent' } } },
    { kind: 'wait', reason: 'restore-pending' },
  ],
  [
    '8',
    'no record, formed',
    { ...formed, now: { ...home, record: { kind: 'absent' } } },
    { kind: 'stay', notice: 'record.missing' },
  ],
  [
    '8',
    'no record for one renewal, and I kept the newest',
    { before: [{ ...home, record: { kind: 'absent' } }], now: { ...home, record: { kind: 'absent' }, nowMs: 12_000 } },
    { kind: 'write', change: 'restore' },
  ],
  [
    '8',
    'no record for one renewal, another kept a newer one',
    {
      before: [{ ...home, record: { kind: 'absent' } }],
      now: { ...home, record: { kind: 'absent' }, nowMs: 12_000, peers: [member('z', { recordVersion: 4 })] },
    },
    { kind: 'wait', reason: 'restore-pending' },
  ],
  [
    '8',
    'no record for one renewal, another kept the same version and comes first',
    {
      before: [{ ...home, record: { kind: 'absent' } }],
      now: { ...home, record: { kind: 'absent' }, nowMs: 29_000, peers: [member('a', { recordVersion: 3 })] },
    },
    { kind: 'wait', reason: 'restore-pending' },
  ],
  [
    '8',
    'the one that comes first has not put it back for long',
    {
      before: [{ ...home, record: { kind: 'absent' } }],
      now: { ...home, record: { kind: 'absent' }, nowMs: 32_000, peers: [member('a', { recordVersion: 3 })] },
    },
    { kind: 'write', change: 'restore' },
  ],
  [
    '8',
    'an older version of my record than I kept',
    {
      ...formed,
      before: [{ ...home, record: present({ version: 2 }) }],
      now: { ...home, record: present({ version: 2 }), nowMs: 12_000 },
    },
    { kind: 'write', change: 'restore' },
  ],
  [
    '9',
    'another cluster of equal generation',
    { now: { ...home, record: present(OTHER) } },
    { kind: 'fail', cause: 'CLUSTER_MISMATCH' },
  ],
  [
    '9',
    'the same without data',
    { config: { data: 'none' }, now: { ...home, record: present(OTHER) } },
    { kind: 'rejoin' },
  ],
  ['10', 'a target has me', { now: { ...home, peers: [withMe('a')] } }, { kind: 'member' }],
  [
    '10',
    'a target has me, my daemon is down',
    { now: { ...home, ownStatus: 'down', peers: [withMe('a')] } },
    { kind: 'wait', reason: 'own-daemon-unknown' },
  ],
  [
    '10',
    'a majority has me although I was removed',
    { now: { ...home, record: present({ removed: ['me'] }), peers: [withMe('a'), withMe('b')] } },
    { kind: 'write', change: 'readmit-self' },
  ],
  [
    '11',
    'a majority lacks me',
    { now: { ...home, peers: [member('a'), member('b')] } },
    { kind: 'fail', cause: 'EVICTED' },
  ],
  [
    '11',
    'removed, and a target lacks me',
    { now: { ...home, record: present({ removed: ['me'] }), peers: [member('a')] } },
    { kind: 'fail' },
  ],
  [
    '11',
    'a majority lacks me, one target has me',
    { now: { ...home, record: present({ size: 5 }), peers: [withMe('a'), member('b'), member('c'), member('d')] } },
    { kind: 'wait', reason: 'maybe-evicted' },
  ],
  [
    '11',
    'a majority of views lacks me, and none of them is ready',
    {
      now: { ...home, peers: [member('a', { state: 'joining' }), member('b', { state: 'joining' })] },
    },
    { kind: 'wait', reason: 'maybe-evicted' },
  ],
  [
    '10',
    'a target has me, a minority lacks me',
    { now: { ...home, record: present({ size: 5 }), peers: [withMe('a'), member('b'), member('c')] } },
    { kind: 'member' },
  ],
  [
    '10',
    'a target has me, my daemon was down and does not answer',
    {
      before: [{ ...home, ownStatus: 'down', peers: [withMe('a')] }],
      now: { ...home, ownStatus: 'unknown', peers: [withMe('a')] },
    },
    { kind: 'wait', reason: 'own-daemon-unknown' },
  ],
  ['11', 'a minority lacks me', { now: { ...home, peers: [member('a')] } }, { kind: 'wait', reason: 'maybe-evicted' }],
  [
    '12',
    'a one-sided match',
    { now: { ...home, ownMembers: ['me'], peers: [withMe('a')] } },
    { kind: 'wait', reason: 'seeds-unusable' },
  ],
  [
    '12',
    'ready entries, no target',
    { now: { ...home, peers: [member('a', { status: 'down' })] } },
    { kind: 'wait', reason: 'seeds-unusable' },
  ],
  [
    '13',
    'no target, my name in removed',
    { now: { ...home, record: present({ removed: ['me'] }) } },
    { kind: 'wait', reason: 'maybe-evicted' },
  ],
  ['14', 'no target', { now: home }, { kind: 'member' }],
  [
    '14',
    'no target, the record says idle',
    { now: { ...home, record: present({ idle: true }) } },
    { kind: 'write', change: 'clear-idle' },
  ],
  ['15', 'provisional, and the record is of it', { now: { own: provisional(), record: present() } }, { kind: 'name' }],
];
