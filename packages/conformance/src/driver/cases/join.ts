import { systemRuntime } from '@autocluster/core/runtime';
import { check, same } from '../../errors.js';
import { failureOf } from '../../space/request.js';
import type { DriverCase } from '../case.js';
import type { Daemons } from '../daemons.js';
import { drive } from './drive.js';

async function membersOf(daemons: Daemons, node: string): Promise<readonly string[]> {
  return (await daemons.membership(node)).members.toSorted();
}

async function areMembers(daemons: Daemons, ...nodes: readonly string[]): Promise<void> {
  for (const node of nodes) same(await membersOf(daemons, node), nodes, `the members in the view of ${node}`);
}

export const JOIN_CASES: readonly DriverCase[] = [
  drive(
    'DRV-012',
    { protects: ['F4', 'F13'], sentence: 'join and committed make the daemon a member of the cluster on record.' },
    async (daemons) => {
      await daemons.cluster('b');
      const { clusterId, generation } = daemons.record;
      same(await daemons.identity('b'), { kind: 'committed', clusterId, generation }, 'the identity of b');
      same((await daemons.health('a', 'b')).status, 'up', 'the health of a, as b sees it');
    },
  ),
  drive(
    'DRV-013',
    { protects: ['F4'], needs: ['peer'], sentence: 'After a join both sides have each other as members, once.' },
    async (daemons) => {
      await daemons.cluster('b', 'c');
      await areMembers(daemons, 'a', 'b', 'c');
      const { view } = await daemons.health('b', 'a');
      same(view?.members.toSorted(), ['a', 'b', 'c'], "the members in b's own view, as a is told");
    },
  ),
  drive(
    'DRV-014',
    {
      protects: ['F4'],
      needs: ['peer'],
      sentence: 'A join that is repeated, before and after committed, changes nothing.',
    },
    async (daemons) => {
      await daemons.cluster();
      await daemons.join('b', 'a');
      await daemons.join('b', 'a');
      await daemons.commit('b');
      await areMembers(daemons, 'a', 'b');
    },
  ),
  drive(
    'DRV-015',
    {
      protects: ['F16'],
      needs: ['durable'],
      sentence: 'Between join and committed the daemon is not committed, also after a restart.',
    },
    async (daemons) => {
      await daemons.cluster();
      await daemons.join('b', 'a');
      check((await daemons.identity('b')).kind !== 'committed', 'an identity that is not committed');
      await daemons.world.restart('b');
      const { kind } = await daemons.identity('b');
      check(kind === 'unnamed' || kind === 'provisional' || kind === 'blank', 'the same after the restart', kind);
    },
  ),
  drive(
    'DRV-016',
    {
      protects: ['F13', 'F3'],
      needs: ['peer'],
      sentence: 'A join to a seed of another cluster rejects, and leaves the daemon outside of it.',
    },
    async (daemons) => {
      await daemons.cluster();
      await failureOf('join', daemons.join('b', 'a', daemons.other));
      same(await membersOf(daemons, 'a'), ['a'], 'the members in the view of a');
      check((await daemons.identity('b')).kind !== 'committed', 'an identity that is not committed');
      await daemons.reset('b');
      await daemons.join('b', 'a');
      await daemons.commit('b');
      await areMembers(daemons, 'a', 'b');
    },
  ),
  drive(
    'DRV-017',
    { protects: ['F13', 'F16'], needs: ['peer'], sentence: 'A join to a blank or provisional seed rejects.' },
    async (daemons) => {
      await failureOf('a join to a blank seed', daemons.join('b', 'a'));
      await daemons.create('a');
      await failureOf('a join to a provisional seed', daemons.join('b', 'a'));
      same((await membersOf(daemons, 'a')).includes('b'), false, 'b in the view of a');
    },
  ),
  drive(
    'DRV-018',
    {
      protects: ['F4'],
      needs: ['peer', 'concurrentJoins'],
      sentence: 'Two daemons that join at once both become members.',
    },
    async (daemons) => {
      await daemons.cluster();
      await Promise.all(['b', 'c'].map((node) => daemons.join(node, 'a')));
      await Promise.all(['b', 'c'].map((node) => daemons.commit(node)));
      await areMembers(daemons, 'a', 'b', 'c');
    },
  ),
  drive(
    'DRV-019',
    { protects: ['F17'], sentence: 'A join that is aborted stops soon, and can be repeated after a reset.' },
    async (daemons) => {
      await daemons.cluster();
      const controller = new AbortController();
      systemRuntime.after(1, () => controller.abort());
      await daemons.join('b', 'a', daemons.record, controller.signal).catch(() => undefined);
      await daemons.reset('b');
      await daemons.join('b', 'a');
      await daemons.commit('b');
      same((await daemons.identity('b')).kind, 'committed', 'the kind of identity');
    },
  ),
  drive(
    'DRV-020',
    { protects: ['C4', 'C15'], needs: ['peer'], sentence: 'A member that runs cannot be forgotten.' },
    async (daemons) => {
      await daemons.cluster('b');
      await failureOf('forget', daemons.forget('b', 'a'));
      await areMembers(daemons, 'a', 'b');
    },
  ),
  drive(
    'DRV-021',
    { protects: ['C8'], needs: ['peer'], sentence: 'A member that ended is forgotten by all, once or twice.' },
    async (daemons) => {
      await daemons.cluster('b', 'c');
      await daemons.world.stop('c');
      const { status } = await daemons.health('c', 'a');
      check(status !== 'up', 'a stopped daemon not to be up', status);
      await daemons.forget('c', 'a');
      await daemons.forget('c', 'a');
      await areMembers(daemons, 'a', 'b');
    },
  ),
  drive(
    'DRV-022',
    {
      protects: ['F4', 'C13'],
      needs: ['peer'],
      sentence: 'A daemon that lost its data joins again under its name, which the cluster still has.',
    },
    async (daemons) => {
      await daemons.cluster('b');
      await daemons.world.stop('b');
      await daemons.world.replace('b');
      same(await daemons.identity('b'), { kind: 'blank' }, 'the identity of b');
      await daemons.join('b', 'a');
      await daemons.commit('b');
      await areMembers(daemons, 'a', 'b');
    },
  ),
  drive(
    'DRV-023',
    {
      protects: ['R2'],
      needs: ['leave'],
      sentence: 'After leave the daemon is no member in any view, and is not committed.',
    },
    async (daemons) => {
      await daemons.cluster('b');
      await daemons.work(async (call) => daemons.driver('b').leave?.(call));
      same(await membersOf(daemons, 'a'), ['a'], 'the members in the view of a');
      check((await daemons.identity('b')).kind !== 'committed', 'an identity that is not committed');
    },
  ),
  drive(
    'DRV-024',
    {
      protects: ['C15', 'C8'],
      needs: ['peer'],
      sentence: 'A member that lost its data and runs alone is forgotten: in the view of the cluster it does not run.',
    },
    async (daemons) => {
      await daemons.cluster('b', 'c');
      await daemons.world.stop('b');
      await daemons.world.replace('b');
      await daemons.forget('b', 'a');
      await areMembers(daemons, 'a', 'c');
    },
  ),
];
