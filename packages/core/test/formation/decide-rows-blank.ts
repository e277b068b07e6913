import { BLANK, committed, member, NEWER, OTHER, present, provisional, unnamed } from './kit.js';

import type { RowCase } from './decide-rows.js';

const withMe = (node: string) => member(node, { members: [node, 'me'] });
const joining = { announced: { state: 'joining', identity: undefined } } as const;
const resume = { config: { data: 'none', whenNobodyAlive: 'resume' } } as const;

export const BLANK_CASES: readonly RowCase[] = [
  [
    '20',
    'other provisional (row 16): reset before it joins',
    { now: { own: provisional(OTHER), record: present(), peers: [member('a')] } },
    { kind: 'join', reset: true, locked: false },
  ],
  [
    '20',
    'a provisional of a higher generation: only under the lock',
    { now: { own: provisional(NEWER), record: present(), peers: [member('a')] } },
    { kind: 'join', reset: true, locked: true },
  ],
  [
    '25',
    'other provisional, no record: create, under the lock',
    { now: { own: provisional(OTHER) } },
    { kind: 'create', generation: 1, reset: true },
  ],
  [
    '20',
    'an interrupted join (row 16a): joins again',
    { now: { own: unnamed(true), record: present(), peers: [member('a')] } },
    { kind: 'join', reset: true },
  ],
  [
    '17',
    'unnamed, a target has me',
    { now: { own: unnamed(), ownMembers: ['me', 'a'], record: present(), peers: [withMe('a')] } },
    { kind: 'name' },
  ],
  [
    '17',
    'an interrupted join that had succeeded',
    { now: { own: unnamed(true), ownMembers: ['me', 'a'], record: present(), peers: [withMe('a')] } },
    { kind: 'name' },
  ],
  [
    '17',
    'adopted by me, not named yet',
    { config: { onLocalData: 'adopt' }, now: { own: unnamed(), record: present({ createdBy: 'me' }) } },
    { kind: 'name' },
  ],
  [
    '18',
    'adopt mine',
    { config: { onLocalData: 'adopt' }, now: { own: unnamed() } },
    { kind: 'write', change: 'adopt' },
  ],
  [
    '18',
    "adopt a peer's",
    { config: { onLocalData: 'adopt' }, now: { peers: [{ node: 'a', status: 'up', own: unnamed(), members: ['a'] }] } },
    { kind: 'join', locked: true, record: undefined },
  ],
  [
    '19',
    'a member of mine has adopted our cluster, and is not ready yet',
    { now: { own: unnamed(), ownMembers: ['me', 'a'], record: present(), peers: [{ node: 'a' }] } },
    { kind: 'wait', reason: 'peers-not-ready' },
  ],
  [
    '19',
    'a member of mine has adopted our cluster, and its record is lost',
    { now: { own: unnamed(), ownMembers: ['me', 'a'], peers: [withMe('a')] } },
    { kind: 'wait', reason: 'peers-not-ready' },
  ],
  [
    '19',
    'a ready member of the cluster on record does not know me',
    { now: { own: unnamed(), ownMembers: ['me', 'a'], record: present(), peers: [member('a')] } },
    { kind: 'fail', cause: 'LOCAL_DATA' },
  ],
  ['19', 'unnamed otherwise', { now: { own: unnamed() } }, { kind: 'fail', cause: 'LOCAL_DATA' }],
  [
    '25',
    'unnamed, reset allowed',
    { config: { onLocalData: 'reset' }, now: { own: unnamed() } },
    { kind: 'create', reset: true },
  ],
  [
    '20',
    'a target',
    { now: { record: present(), peers: [member('b'), member('a')] } },
    { kind: 'join', locked: false, reset: false, target: { node: 'a' } },
  ],
  [
    '20',
    'serial joins',
    { config: { concurrentJoins: false }, now: { record: present(), peers: [member('a')] } },
    { kind: 'join', locked: true },
  ],
  [
    '20',
    'my name was removed',
    { now: { record: present({ removed: ['me'] }), peers: [member('a')] } },
    { kind: 'join', locked: true },
  ],
  [
    '20',
    "still in the target's view",
    { now: { record: present(), peers: [withMe('a')] } },
    { kind: 'join', locked: true },
  ],
  [
    '21',
    'a target in a minority, joinMinority wait',
    { config: { joinMinority: 'wait' }, now: { record: present(), peers: [member('a')] } },
    { kind: 'wait', reason: 'seeds-unusable' },
  ],
  [
    '20',
    'a join into another cluster was interrupted, joinMinority wait: its members say nothing about the target',
    {
      config: { joinMinority: 'wait' },
      now: { own: unnamed(true), ownMembers: ['me', 'x', 'y'], record: present({ size: 1 }), peers: [member('a')] },
    },
    { kind: 'join', reset: true },
  ],
  [
    '21',
    'ready entries, no target',
    { now: { record: present(), peers: [member('a', { own: BLANK })] } },
    { kind: 'wait', reason: 'seeds-unusable' },
  ],
  [
    '22',
    'somebody identified',
    { now: { record: present(), peers: [member('a', { state: 'joining' })] } },
    { kind: 'wait', reason: 'peers-not-ready' },
  ],
  [
    '22',
    'a platform peer of unknown health, recreate',
    {
      config: { registration: 'platform', metadata: false, whenNobodyAlive: { recreate: 1 } },
      before: [{ record: present(), peers: [{ node: 'a', status: 'unknown' }] }],
      now: { record: present(), nowMs: 60_000, peers: [{ node: 'a', status: 'unknown' }] },
    },
    { kind: 'wait', reason: 'peers-not-ready' },
  ],
  [
    '22',
    'a platform peer that is up and does not say what it belongs to, recreate',
    {
      config: { registration: 'platform', metadata: false, whenNobodyAlive: { recreate: 1 } },
      before: [{ record: present(), peers: [{ node: 'a', status: 'up' }] }],
      now: { record: present(), nowMs: 60_000, peers: [{ node: 'a', status: 'up' }] },
    },
    { kind: 'wait', reason: 'peers-not-ready' },
  ],
  [
    '23',
    'a platform peer was of unknown health until now, recreate',
    {
      config: { registration: 'platform', metadata: false, whenNobodyAlive: { recreate: 1 } },
      before: [{ record: present(), peers: [{ node: 'a', status: 'unknown' }] }],
      now: { record: present(), nowMs: 60_000, peers: [{ node: 'a', status: 'down' }] },
    },
    { kind: 'wait', reason: 'nobody-alive' },
  ],
  ['23', 'nobody identified', { now: { record: present() } }, { kind: 'wait', reason: 'nobody-alive' }],
  [
    '23',
    'nobody identified, resume, too early',
    { ...resume, now: { record: present() } },
    { kind: 'wait', reason: 'nobody-alive' },
  ],
  [
    '23',
    'nobody identified, resume',
    { ...resume, before: [{ record: present() }], now: { record: present(), nowMs: 16_002 } },
    { kind: 'create', generation: 2 },
  ],
  ['23', 'idle, resume', { ...resume, now: { record: present({ idle: true }) } }, { kind: 'create', generation: 2 }],
  [
    '23',
    'recreate names this generation',
    { config: { whenNobodyAlive: { recreate: 1 } }, now: { record: present({ idle: true }) } },
    { kind: 'create', generation: 2 },
  ],
  [
    '23',
    'recreate names another generation',
    { config: { whenNobodyAlive: { recreate: 2 } }, now: { record: present({ idle: true }) } },
    { kind: 'wait', reason: 'nobody-alive' },
  ],
  [
    '23',
    'recreate names the generation on record, which has gone back: the next one was there already',
    {
      config: { whenNobodyAlive: { recreate: 1 } },
      before: [
        { revision: 10n, record: present(NEWER), peers: [member('a', { identity: NEWER })] },
        { revision: 3n, record: present(), nowMs: 2_000 },
      ],
      now: { revision: 4n, record: present(), nowMs: 200_000 },
    },
    { kind: 'wait', reason: 'nobody-alive' },
  ],
  [
    '24',
    'no record, an identity is listed',
    { now: { peers: [member('a', { state: 'joining' })] } },
    { kind: 'wait', reason: 'restore-pending' },
  ],
  [
    '24',
    'no record, two identities',
    { now: { peers: [member('a'), member('x', { identity: OTHER })] } },
    { kind: 'wait', reason: 'split-seen' },
  ],
  [
    '24',
    'no record, ready without identity',
    { now: { peers: [{ node: 'a', state: 'ready' }] } },
    { kind: 'wait', reason: 'record-missing' },
  ],
  [
    '24',
    'no record, an unnamed peer',
    { now: { peers: [{ node: 'a', status: 'up', own: unnamed() }] } },
    { kind: 'wait', reason: 'record-missing' },
  ],
  [
    '24',
    'no record, a platform peer of unknown health',
    { config: { registration: 'platform' }, now: { peers: [{ node: 'a', status: 'unknown' }] } },
    { kind: 'wait', reason: 'peers-not-ready' },
  ],
  [
    '24a',
    'the record was seen before',
    { before: [{ record: present() }], now: {} },
    { kind: 'wait', reason: 'nobody-alive' },
  ],
  [
    '24a',
    'a record was seen before that said that nobody is there',
    { ...resume, before: [{ record: present({ idle: true }) }], now: { nowMs: 2_000 } },
    { kind: 'wait', reason: 'nobody-alive' },
  ],
  [
    '24a',
    'the record was seen before, while the own daemon was unknown',
    { before: [{ own: 'unknown', record: present() }], now: { nowMs: 2_000 } },
    { kind: 'wait', reason: 'nobody-alive' },
  ],
  [
    '24a',
    'the record was seen before, in an incomplete list',
    { before: [{ complete: false, record: present() }], now: { nowMs: 2_000 } },
    { kind: 'wait', reason: 'nobody-alive' },
  ],
  [
    '24a',
    'an identity was seen before, while the own daemon was unknown',
    { before: [{ own: 'unknown', peers: [member('a')] }], now: { nowMs: 2_000 } },
    { kind: 'wait', reason: 'nobody-alive' },
  ],
  [
    '24a',
    'the own daemon was in a cluster before',
    { before: [{ own: committed() }], now: { nowMs: 2_000 } },
    { kind: 'wait', reason: 'nobody-alive' },
  ],
  [
    '24a',
    'an identity was seen before',
    { ...resume, before: [{ peers: [member('a')], nowMs: 0 }, { nowMs: 1 }], now: { nowMs: 16_003 } },
    { kind: 'create', generation: 2 },
  ],
  [
    '25',
    'too few',
    { config: { nodesExpectedMin: 3 }, now: { peers: [{ node: 'a' }] } },
    { kind: 'wait', reason: 'too-few-members' },
  ],
  ['25', 'not settled', { config: { settleMs: 5_000 }, now: {} }, { kind: 'wait', reason: 'settling' }],
  [
    '25',
    'settled',
    { config: { settleMs: 5_000 }, before: [{}], now: { nowMs: 6_001 } },
    { kind: 'create', generation: 1 },
  ],
  ['25', 'nothing at all', { now: { ...joining } }, { kind: 'create', generation: 1, reset: false }],
];
