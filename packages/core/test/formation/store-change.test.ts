import { describe, expect, it } from 'vitest';
import {
  ABSENT,
  CLUSTER,
  committed,
  CONFIG,
  decideOn,
  member,
  NEWER,
  present,
  rememberAll,
  type Sketch,
} from './kit.js';

const resume = { config: { data: 'none', whenNobodyAlive: 'resume' } } as const;
/** All were away when the backup was made; the store now is what it was then. */
const idle = present({ idle: true });
const before: readonly Sketch[] = [
  { revision: 10n, nowMs: 1_000 },
  { revision: 3n, nowMs: 2_000, record: idle },
];
const afterMs = CONFIG.latestTakeoverMs + CONFIG.renewalMs + CONFIG.callTimeoutMs;

describe('a store that goes back under a cluster that runs', () => {
  it('is not believed that nobody was there: entries of the backup may hold the names of living members', () => {
    const now = { revision: 4n, record: idle };
    const early = decideOn({ ...resume, before, now: { ...now, nowMs: 2_000 + afterMs } });
    expect(early).toMatchObject({ row: '23', kind: 'wait', reason: 'nobody-alive' });
    const late = decideOn({ ...resume, before, now: { ...now, nowMs: 2_002 + afterMs } });
    expect(late).toMatchObject({ row: '23', kind: 'create', generation: 2 });
  });

  it('is waited for as long where the record does not say that all were away', () => {
    const running = before.map((each) => (each.record ? { ...each, record: present() } : each));
    const now = { revision: 4n, record: present(), nowMs: 2_000 + afterMs };
    expect(decideOn({ ...resume, before: running, now })).toMatchObject({ kind: 'wait', reason: 'nobody-alive' });
  });

  it('is noticed while the own daemon is unknown, also when its revision has grown since', () => {
    const unseen = { own: 'unknown', revision: 3n, nowMs: 2_000 } as const;
    const now = { revision: 12n, nowMs: 3_000 };
    const decision = decideOn({ before: [{ revision: 10n }, unseen], now });
    expect(decision).toMatchObject({ kind: 'wait', reason: 'list-stale' });
  });

  it('starts every clock again, also while the own daemon is unknown', () => {
    const home = { own: committed(), peers: [member('a')] };
    const lost = [
      { ...home, revision: 10n, nowMs: 1_000 },
      { ...home, own: 'unknown', revision: 3n, nowMs: 2_000 },
      { ...home, revision: 4n, nowMs: 3_000 },
    ] as const;
    expect(rememberAll(CONFIG, lost).clocks.unrecorded?.sinceMs).toBe(3_000);
  });

  it('goes back only where a complete list shows it', () => {
    const part = { own: 'unknown', complete: false, revision: 3n, nowMs: 2_000 } as const;
    expect(rememberAll(CONFIG, [{ revision: 10n }, part])).toMatchObject({
      revision: 10n,
      storeChangedAtMs: undefined,
    });
  });
});

describe('a formed node whose store answered as another one for a while', () => {
  const own = { own: committed(), peers: [member('a')], announced: { state: 'ready', identity: CLUSTER } } as const;
  const away = [
    { ...own, store: 's-1', record: present(), nowMs: 1_000 },
    { ...own, store: 's-2', record: ABSENT, nowMs: 2_000 },
  ];
  const back = (store: string): Sketch => ({ ...own, store, record: present(NEWER), nowMs: 30_000 });
  const decided = (store: string) =>
    decideOn({
      formed: true,
      config: { onEvicted: 'rejoin' },
      before: [...away, { ...back(store), nowMs: 3_000 }],
      now: back(store),
    });

  it('yields to the next generation in the store that had its cluster on record', () => {
    expect(decided('s-1')).toMatchObject({ row: '7' });
  });

  it('yields to none of a store that never had it', () => {
    expect(decided('s-3')).toMatchObject({ row: '6', kind: 'stay', notice: 'split.seen' });
  });
});
