import { processDriver } from '@autocluster/core';
import type { ClusterDriver } from '@autocluster/core/driver';
import { systemRuntime } from '@autocluster/core/runtime';
import { type DaemonWorldOptions, daemonWorld } from '@autocluster/testing';
import { type DriverSubject, driverSubject } from '../../src/index.js';

/** The processes of this library itself as daemons. */
export function processSubject(): DriverSubject {
  return driverSubject({
    name: 'process',
    async world(nodes) {
      const drivers = new Map(nodes.map((node) => [node, processDriver({ node })]));
      const driver = (node: string): ClusterDriver => {
        const found = drivers.get(node);
        if (found === undefined) throw new Error(`no daemon ${node}`);
        return found;
      };
      const again = async (node: string) => {
        const next = processDriver({ node });
        drivers.set(node, next);
        return next;
      };
      return {
        driver,
        restart: again,
        stop: async () => undefined,
        replace: async (node) => void (await again(node)),
        close: async () => undefined,
      };
    },
  });
}

type Traits = Pick<DaemonWorldOptions, 'data' | 'views' | 'concurrentJoins'>;

/** Simulated daemons in real time. */
export function simulatedSubject(name: string, traits: Traits = {}): DriverSubject {
  return driverSubject({
    name,
    async world(nodes) {
      const world = daemonWorld({ runtime: systemRuntime, ...traits });
      for (const node of nodes) world.daemon(node);
      return {
        driver: (node) => world.daemon(node).inProcess(systemRuntime),
        async restart(node) {
          world.daemon(node).stop();
          world.daemon(node).start();
          return world.daemon(node).inProcess(systemRuntime);
        },
        stop: async (node) => world.daemon(node).stop(),
        async replace(node) {
          world.daemon(node).wipe();
          world.daemon(node).start();
        },
        close: async () => undefined,
      };
    },
  });
}
