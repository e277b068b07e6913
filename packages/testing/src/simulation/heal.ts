import { encodeRecord } from '@autocluster/core/backend';
import type { Stage } from './stage.js';

/** Whose entry nobody renews: without a lease, a backup that comes back would have it for good. */
export const FORMER_MEMBER = 'former-member';

/** Everything that went wrong on purpose ends. */
export function heal(stage: Stage): void {
  stage.struck('60', 'everything');
  stage.endWindows();
  for (const actor of stage.actors) {
    if (!actor.crashed) actor.client.faults.clear();
    stage.resume(actor);
  }
  stage.daemons.heal();
  for (const daemon of stage.daemons.daemons) {
    daemon.faults.clear();
    daemon.setReady(true);
    stage.machines.startDaemon(daemon.self());
  }
  repairRecord(stage);
  const isListed = stage.cluster.inspect().members.some(({ registration }) => registration.node === FORMER_MEMBER);
  if (isListed) stage.cluster.deleteMember(FORMER_MEMBER);
  if (!isEnough(stage)) for (const name of stage.machines.lost) stage.machines.bringBack(name);
}

/** Whether those that are left can do without the machines that are away for good. */
function isEnough(stage: Stage): boolean {
  const { living, machines, truth } = stage;
  const { record } = truth;
  const members = living.filter(({ name }) => stage.committedTo(name)?.clusterId === record?.clusterId);
  return machines.lost.size === 0 || (record !== undefined && members.length * 2 > record.size);
}

/** Nobody but an operator can mend a record that nobody can read. */
function repairRecord({ cluster, truth }: Stage): void {
  const { record } = cluster.inspect();
  const good = truth.record ?? [...truth.committed.values()].at(-1);
  if (record.kind === 'unreadable' && good) cluster.overwriteRecord(encodeRecord(good));
}
