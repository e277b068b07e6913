import { nameProblem } from '@autocluster/core/backend';
import { check, same } from '../../errors.js';
import { failureOf } from '../../space/request.js';
import type { DriverCase } from '../case.js';
import { drive } from './drive.js';

export const LIFE_CASES: readonly DriverCase[] = [
  drive(
    'DRV-001',
    { protects: ['F12'], sentence: 'self() is the same name at every call, and the interface is version 1.' },
    async (daemons) => {
      const driver = daemons.driver('a');
      same(driver.spi, 1, 'spi');
      check(nameProblem(driver.self()) === undefined, 'a name', driver.self());
      same(driver.self(), driver.self(), 'self() at the second call');
    },
  ),
  drive('DRV-002', { protects: ['F3'], sentence: 'A daemon that nobody has used is blank.' }, async (daemons) =>
    same(await daemons.identity('a'), { kind: 'blank' }, 'the identity'),
  ),
  drive(
    'DRV-003',
    { protects: ['F3'], sentence: 'membership and health change nothing, however often they are asked.' },
    async (daemons) => {
      await daemons.cluster();
      const before = await daemons.membership('a');
      for (let round = 0; round < 3; round += 1) {
        await daemons.health('a', 'a');
        await daemons.health('b', 'a');
        same(await daemons.membership('a'), before, 'the membership');
      }
    },
  ),
  drive(
    'DRV-004',
    { protects: ['F16', 'F1'], sentence: 'create makes a provisional cluster with its identity, once or twice.' },
    async (daemons) => {
      const { clusterId, generation } = daemons.record;
      for (let round = 0; round < 2; round += 1) {
        await daemons.create('a');
        same(await daemons.identity('a'), { kind: 'provisional', clusterId, generation }, 'the identity');
      }
    },
  ),
  drive(
    'DRV-005',
    { protects: ['F16', 'F18'], needs: ['durable'], sentence: 'A provisional identity survives a restart.' },
    async (daemons) => {
      await daemons.create('a');
      const before = await daemons.identity('a');
      await daemons.world.restart('a');
      same(await daemons.identity('a'), before, 'the identity after the restart');
    },
  ),
  drive(
    'DRV-006',
    {
      protects: ['F16', 'F5'],
      needs: ['peer'],
      sentence: 'A provisional daemon is not ready, for itself and for others.',
    },
    async (daemons) => {
      await daemons.create('a');
      same((await daemons.health('a', 'a')).ready, false, 'ready, as it says itself');
      same((await daemons.health('a', 'b')).ready, false, 'ready, as another sees it');
    },
  ),
  drive(
    'DRV-007',
    {
      protects: ['F3', 'F14'],
      sentence: 'committed makes the identity durable and keeps the record; a repeat changes nothing.',
    },
    async (daemons) => {
      const { record } = daemons;
      await daemons.create('a');
      for (let round = 0; round < 2; round += 1) {
        await daemons.commit('a');
        const { identity, kept } = await daemons.membership('a');
        const { clusterId, generation } = record;
        same(identity, { kind: 'committed', clusterId, generation }, 'the identity');
        check(kept === undefined || kept.version === record.version, 'the record that was kept, if it is shown', kept);
      }
    },
  ),
  drive(
    'DRV-008',
    { protects: ['F3', 'F14'], needs: ['durable'], sentence: 'Identity and record survive a restart.' },
    async (daemons) => {
      await daemons.cluster();
      const later = { ...daemons.record, version: 4, size: 2 };
      await daemons.commit('a', later);
      await daemons.world.restart('a');
      const { identity, kept } = await daemons.membership('a');
      const { clusterId, generation } = daemons.record;
      same(identity, { kind: 'committed', clusterId, generation }, 'the identity after the restart');
      same(kept?.version, 4, 'the version of the record that was kept');
    },
  ),
  drive(
    'DRV-009',
    { protects: ['F3', 'F16'], sentence: 'committed rejects when the daemon is blank.' },
    async (daemons) => {
      await failureOf('committed', daemons.commit('a'));
      same(await daemons.identity('a'), { kind: 'blank' }, 'the identity');
    },
  ),
  drive(
    'DRV-010',
    { protects: ['F3'], sentence: 'committed rejects a record of another cluster, and changes nothing.' },
    async (daemons) => {
      await daemons.create('a');
      const before = await daemons.identity('a');
      await failureOf('committed', daemons.commit('a', daemons.other));
      same(await daemons.identity('a'), before, 'the identity');
    },
  ),
  drive(
    'DRV-011',
    { protects: ['F16', 'F1b'], sentence: 'reset makes the daemon blank, once or twice, provisional or committed.' },
    async (daemons) => {
      await daemons.create('a');
      for (let round = 0; round < 2; round += 1) {
        await daemons.reset('a');
        same(await daemons.identity('a'), { kind: 'blank' }, 'the identity');
      }
      await daemons.create('a', daemons.other);
      await daemons.commit('a', daemons.other);
      await daemons.reset('a');
      same(await daemons.identity('a'), { kind: 'blank' }, 'the identity after a committed cluster');
    },
  ),
];
