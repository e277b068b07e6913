import { encodeRecord } from '@autocluster/core/backend';
import { describe, expect, it } from 'vitest';
import { World } from './kit.js';

const recordOf = ({ cluster: { record } }: World) => (record.kind === 'present' ? record.record : undefined);

/** n2 was removed, and joins again before n1 has seen the record that says so. */
async function joinedAgain() {
  const world = new World();
  const daemons = world.daemons();
  const store = world.store.cluster('demo');
  world.launch('n1', { driver: daemons.daemon('n1') });
  await world.formed('n1');
  await world.time.advance(60_000);
  const record = recordOf(world);
  if (!record) throw new Error('no record');
  world.faults('n1').inject({ kind: 'fail', code: 'STORE_UNREACHABLE', verbs: ['list'] });
  store.overwriteRecord(encodeRecord({ ...record, version: record.version + 1, removed: ['n2'] }));
  world.launch('n2', { driver: daemons.daemon('n2') });
  const isNamed = () => daemons.daemon('n2').inspect().disk.identity.kind === 'committed';
  return { world, store, isNamed };
}

describe('F14: a record is lost whose newest version was kept by a member that it calls removed', () => {
  it('and that member is formed by now: it puts the record back, and is removed no more', async () => {
    const { world, store, isNamed } = await joinedAgain();
    await world.until(isNamed);
    store.deleteRecord();
    world.faults('n1').clear();
    await world.until(() => recordOf(world)?.removed.length === 0);
    await world.formed('n1', 'n2');
    expect(world.clusters.size).toBe(1);
  });

  it('and that member is not formed any more: another one puts back what it has', async () => {
    const { world, store, isNamed } = await joinedAgain();
    await world.until(isNamed);
    await world.formed('n2');
    const refused = world.faults('n2').inject({ kind: 'fail', code: 'STORE_UNREACHABLE', verbs: ['lock'] });
    await world.until(() => world.stateOf('n2') !== 'formed');
    store.deleteRecord();
    world.faults('n1').clear();
    await world.until(() => recordOf(world) !== undefined);
    refused();
    await world.formed('n1', 'n2');
    expect(world.clusters.size).toBe(1);
  });
});
