import { formed, withMe, home, type RowCase } from './decide-rows.js';
import { CLUSTER, member, NEWER, OTHER, present, provisional } from './kit.js';

const unasked = { node: 'a', state: 'ready', identity: CLUSTER } as const;

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
    '12',
    'a ready entry that does not answer, and was not asked while this node was formed',
    {
      config: { views: 'registration' },
      before: [{ ...home, probed: 'sample', peers: [unasked] }],
      now: { ...home, peers: [{ ...unasked, status: 'unknown' }], nowMs: 600_000 },
    },
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
