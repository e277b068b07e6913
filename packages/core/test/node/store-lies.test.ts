import { encodeRecord } from '@autocluster/core/backend';
import { describe, expect, it } from 'vitest';
import { World } from './kit.js';

async function formedWorld(options = {}): Promise<World> {
  const world = new World();
  for (const name of ['n1', 'n2', 'n3']) world.launch(name, options);
  await world.formed('n1', 'n2', 'n3');
  await world.time.advance(30_000);
  return world;
}
const identities = (world: World) =>
  new Set([...world.nodes.values()].map(({ state }) => JSON.stringify('identity' in state ? state.identity : state)));

describe('a store that is not what it was', () => {
  it('F14: wiped under a formed cluster: its members put the record back, and a stranger joins them', async () => {
    const world = await formedWorld();
    const before = identities(world);
    world.store.wipe();
    world.launch('n4', { settleMs: 20_000 });
    await world.until(() => world.stateOf('n4') === 'waiting restore-pending');
    await world.until(() => world.cluster.record.kind === 'present');
    await world.formed('n1', 'n2', 'n3', 'n4');
    expect(identities(world)).toEqual(before);
    expect(world.events('record.restored').length).toBe(1);
    expect(world.clusters.size).toBe(1);
  });

  it('F19: a record that was deleted, or is not readable, stops nobody', async () => {
    const world = await formedWorld();
    const before = identities(world);
    world.store.cluster('demo').overwriteRecord('{"format":9}');
    await world.time.advance(60_000);
    expect(identities(world)).toEqual(before);
    expect(world.events('record.unreadable').length).toBeGreaterThan(0);
    world.store.cluster('demo').deleteRecord();
    await world.until(() => world.cluster.record.kind === 'present');
    expect(identities(world)).toEqual(before);
  });

  it('V1: set back by a backup: the members keep their cluster and bring the record up to date', async () => {
    const world = await formedWorld();
    const backup = world.store.snapshot();
    const before = identities(world);
    world.launch('n4');
    await world.formed('n4');
    await world.time.advance(40_000);
    world.store.restore(backup);
    await world.time.advance(120_000);
    expect(identities(world)).toEqual(before);
    expect(world.events('store.reverted').length).toBeGreaterThan(0);
    expect(world.cluster.record).toMatchObject({ kind: 'present', record: { size: 4 } });
  });

  it('V6: set back by a backup: what a newer version wrote into the older record meanwhile outlives the newer record', async () => {
    const world = await formedWorld();
    const cluster = world.store.cluster('demo');
    const writeAsNewer = (
      settings: Readonly<Record<string, string>>,
      extra: Readonly<Record<string, unknown>>,
    ): void => {
      const { record } = cluster.inspect();
      if (record.kind !== 'present') throw new Error('there is no record');
      cluster.overwriteRecord(encodeRecord({ ...record.record, version: record.record.version + 1, settings, extra }));
    };
    const backup = world.store.snapshot();
    world.launch('n4');
    await world.formed('n4');
    await world.time.advance(40_000);
    writeAsNewer({ zones: 'newest' }, { 'zone-rules': 'v3' });
    await world.time.advance(40_000);
    world.store.restore(backup);
    writeAsNewer({ zones: 'strict', racks: 'strict' }, { 'zone-rules': 'v2', 'rack-rules': 'v2' });
    await world.until(() => world.events('record.restored').length > 0);
    expect(world.cluster.record).toMatchObject({
      kind: 'present',
      record: {
        size: 4,
        settings: { zones: 'newest', racks: 'strict' },
        extra: { 'zone-rules': 'v3', 'rack-rules': 'v2' },
      },
    });
  });

  it('V4: away for longer than the TTL: nobody stops, and everybody is back as the same instance', async () => {
    const world = await formedWorld();
    const instances = () => world.cluster.members.map(({ registration }) => registration.instance).sort();
    const before = instances();
    for (const name of ['n1', 'n2', 'n3']) world.faults(name).inject({ kind: 'fail', code: 'STORE_UNREACHABLE' });
    await world.time.advance(100_000);
    expect([world.cluster.members.length, world.stateOf('n1')]).toEqual([0, 'formed']);
    for (const name of ['n1', 'n2', 'n3']) world.faults(name).clear();
    await world.until(() => world.cluster.members.length === 3);
    expect([instances(), world.clusters.size]).toEqual([before, 1]);
    expect([world.events('store.lost', 'n1').length, world.events('store.back', 'n1').length]).toEqual([1, 1]);
  });

  it('V6: a list without the record does not make a member write an older version over it', async () => {
    const world = await formedWorld();
    const version = () => (world.cluster.record.kind === 'present' ? world.cluster.record.record.version : 0);
    world.launch('n4');
    world.faults('n1').inject({ kind: 'empty-list', verbs: ['list'] });
    await world.formed('n4');
    await world.time.advance(100_000);
    const before = version();
    await world.time.advance(100_000);
    expect([version(), world.events('record.restored', 'n1').length]).toEqual([before, 0]);
  });

  it('F2: wiped while nobody is listed: settleMs gives the members time to come back', async () => {
    const world = await formedWorld();
    for (const name of ['n1', 'n2', 'n3']) world.faults(name).inject({ kind: 'fail', code: 'STORE_UNREACHABLE' });
    await world.time.advance(100_000);
    world.store.wipe();
    world.launch('n4', { settleMs: 20_000 });
    await world.time.advance(2_000);
    for (const name of ['n1', 'n2', 'n3']) world.faults(name).clear();
    await world.formed('n4');
    await world.time.advance(120_000);
    expect(world.clusters.size).toBe(1);
  });

  it('F10: without settleMs two clusters are seen by both sides, and nothing is merged', async () => {
    const world = await formedWorld();
    for (const name of ['n1', 'n2', 'n3']) world.faults(name).inject({ kind: 'fail', code: 'STORE_UNREACHABLE' });
    await world.time.advance(100_000);
    world.store.wipe();
    world.launch('n4');
    await world.formed('n4');
    for (const name of ['n1', 'n2', 'n3']) world.faults(name).clear();
    await world.time.advance(120_000);
    expect(world.clusters.size).toBe(2);
    expect(world.stateOf('n1')).toBe('formed');
    expect(world.events('split.seen', 'n1').length).toBeGreaterThan(0);
    expect(world.events('split.seen', 'n4').length).toBeGreaterThan(0);
  });
});

describe('a store that cannot be asked', () => {
  it.each(['STORE_UNREACHABLE', 'STORE_FORBIDDEN', 'STORE_UNAUTHENTICATED', 'STORE_TLS'] as const)(
    'S10 S22: %s at start: waits visibly, then fails, and never stands alone',
    async (code) => {
      const world = new World();
      const node = world.launch('n1', { formationTimeoutMs: 100_000 });
      world.faults('n1').inject({ kind: 'fail', code });
      await world.time.advance(10_000);
      expect(node.state).toMatchObject({ kind: 'waiting', reason: 'store-unreachable', cause: code });
      expect(node.view).toMatchObject({ kind: 'unknown' });
      await world.until(() => world.failures.has('n1'));
      expect(world.failures.get('n1')).toMatchObject({
        code: 'FORMATION_TIMEOUT',
        details: { lastWait: { cause: code } },
      });
      expect(node.state).toMatchObject({ kind: 'failed', cause: 'FORMATION_TIMEOUT' });
      await expect(node.ended).resolves.toMatchObject({ kind: 'failed' });
      expect(world.time.pendingTimers).toBe(0);
    },
  );

  it('F9: runs alone only when that was asked for', async () => {
    const world = new World();
    const node = world.launch('n1', { formationTimeoutMs: 100_000, onFailure: 'ignore' });
    world.faults('n1').inject({ kind: 'fail', code: 'STORE_UNREACHABLE' });
    await world.until(() => node.state.kind === 'standalone');
    world.faults('n1').clear();
    await world.time.advance(60_000);
    expect([node.state.kind, world.cluster.members.length]).toEqual(['standalone', 0]);
    await world.settle(node.stop());
  });

  it('S22: a store that comes back in time is no failure', async () => {
    const world = new World();
    const node = world.launch('n1');
    world.faults('n1').inject({ kind: 'fail', code: 'STORE_UNREACHABLE' });
    await world.time.advance(60_000);
    world.faults('n1').clear();
    await world.formed('n1');
    expect(node.state).toMatchObject({ role: 'creator' });
  });

  it.each(['partial-list', 'nonsense', 'stale-list'] as const)('C2 F6: %s makes no second cluster', async (kind) => {
    const world = await formedWorld();
    world.launch('n4');
    world.faults('n4').inject({ kind, verbs: ['list'] });
    await world.time.advance(100_000);
    world.faults('n4').clear();
    await world.formed('n4');
    expect(world.clusters.size).toBe(1);
  });
});

describe('F2: a record that is deleted while nobody of its cluster is there', () => {
  it('is not forgotten by a node that saw it while its own daemon could not tell what it has', async () => {
    const world = new World();
    const daemons = world.daemons();
    for (const name of ['n1', 'n2']) world.launch(name, { driver: daemons.daemon(name) });
    await world.formed('n1', 'n2');
    for (const name of ['n1', 'n2']) {
      const node = world.nodes.get(name);
      daemons.daemon(name).stop();
      if (node) await world.settle(node.stop());
    }
    const n3 = daemons.daemon('n3');
    world.launch('n3', { driver: n3, latency: { requestMs: 20, replyMs: 20 } });
    await world.until(() => world.cluster.members.length === 1);
    const heal = n3.faults.inject({ kind: 'fail', verbs: ['membership'] });
    await world.time.advance(20_000);
    world.store.cluster('demo').deleteRecord();
    heal();
    await world.time.advance(20_000);
    expect(world.stateOf('n3')).toBe('waiting nobody-alive');
  });
});
