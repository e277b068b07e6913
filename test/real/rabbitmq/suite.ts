import { afterAll, beforeAll } from 'vitest';
import { type EtcdServer, startEtcd } from '../../servers/harness/index.ts';
import { RabbitFleet } from './fleet.ts';

export interface FleetOnEtcd {
  readonly etcd: EtcdServer;
  readonly fleet: RabbitFleet;
}

/** Brokers and their store for the tests of one suite: there from its first test to its last. */
export function fleetOnEtcd(): FleetOnEtcd {
  let made: FleetOnEtcd | undefined;
  const get = (): FleetOnEtcd => {
    if (!made) throw new Error('the suite has not begun, or is over');
    return made;
  };
  beforeAll(async () => {
    made = { etcd: await startEtcd(), fleet: new RabbitFleet() };
  });
  afterAll(async () => {
    const { etcd, fleet } = get();
    made = undefined;
    await fleet.end();
    await etcd.stop();
  });
  return {
    get etcd() {
      return get().etcd;
    },
    get fleet() {
      return get().fleet;
    },
  };
}
