import { BLANK, CLUSTER, committed, member, NEWER, OTHER, present, record, type Question } from './kit.js';

/** `architecture row | what is so | what is observed | the decision that it must lead to`. */
export type RowCase = readonly [row: string, what: string, question: Question, decision: object];

export const formed = { formed: true, announced: { state: 'ready', identity: CLUSTER } } as const;
export const withMe = (node: string) => member(node, { members: [node, 'me'] });
const undersized = {
  own: committed(),
  ownMembers: ['me', 'z'],
  kept: record({ size: 1 }),
  record: present({ size: 1 }),
  peers: [withMe('z'), member('b', { state: 'joining', identity: undefined })],
};
export const home = { own: committed(), ownMembers: ['me', 'a', 'b'], kept: record(), record: present() };

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
  [
    '1',
    'the list shows another run of this name, which has taken its place',
    { now: { announced: { state: 'joining', identity: undefined, instance: 'me#2' } } },
    { kind: 'wait', reason: 'name-held' },
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
    '3',
    'the daemon was wiped under a living node, and the store does not answer',
    { ...formed, now: { ...formed, own: BLANK, listFails: true } },
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
  [
    '3',
    'the own daemon is provisional again',
    { ...formed, now: { ...home, own: { kind: 'provisional', ...CLUSTER }, peers: [withMe('a')] } },
    { kind: 'demote' },
  ],
  [
    '3',
    'the own daemon is provisional again, and the store does not answer',
    { ...formed, now: { ...formed, own: { kind: 'provisional', ...CLUSTER }, listFails: true } },
    { kind: 'demote' },
  ],
  [
    '4b',
    'the own daemon was down for one TTL, and cannot tell its membership',
    {
      ...formed,
      before: [{ ...home, own: 'unknown', ownStatus: 'down', nowMs: 1_000 }],
      now: { ...home, own: 'unknown', ownStatus: 'down', nowMs: 32_000 },
    },
    { kind: 'demote' },
  ],
  [
    '0',
    'the own daemon has not answered for one TTL',
    {
      ...formed,
      before: [{ ...home, own: 'unknown', nowMs: 1_000 }],
      now: { ...home, own: 'unknown', nowMs: 32_000 },
    },
    { kind: 'stay' },
  ],
  [
    '0',
    'the own daemon is down, and the store does not answer',
    {
      ...formed,
      before: [{ ...home, own: 'unknown', ownStatus: 'down', nowMs: 1_000 }],
      now: { ...home, own: 'unknown', ownStatus: 'down', listFails: true, nowMs: 32_000 },
    },
    { kind: 'stay' },
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
    'the record says that nobody is there',
    { ...formed, now: { ...home, record: present({ idle: true }), peers: [withMe('z')] } },
    { kind: 'write', change: 'clear-idle' },
  ],
  [
    '5',
    'the same, and it is the turn of another member',
    { ...formed, now: { ...home, record: present({ idle: true }), peers: [withMe('a')] } },
    { kind: 'stay' },
  ],
  [
    '5',
    'the same, and that one has not put it right',
    {
      ...formed,
      before: [{ ...home, record: present({ idle: true }), peers: [withMe('a')] }],
      now: { ...home, record: present({ idle: true }), peers: [withMe('a')], nowMs: 22_000 },
    },
    { kind: 'write', change: 'clear-idle' },
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
