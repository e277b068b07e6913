import { createClusterNode } from '@autocluster/core';
import { expect, it } from 'vitest';
import { over, World } from './kit.js';

it('stops, asked for while an event is told, not before the work that follows the event has settled', async () => {
  const world = new World();
  const daemons = world.daemons();
  daemons.existingCluster(['n1']);
  const work = { begun: 0, ended: 0 };
  const daemon = daemons.daemon('n1');
  const driver = over(daemon, {
    committed: async (record, call) => {
      work.begun += 1;
      await new Promise<void>((resolve) => world.time.runtime.after(1_000, resolve));
      work.ended += 1;
      await daemon.committed(record, call);
    },
  });
  const node = createClusterNode(
    {
      backend: world.store.client({ cluster: 'demo', id: 'n1' }),
      driver,
      onLocalData: 'adopt',
      onEvent: ({ name }) => {
        if (name === 'record.committed') void node.stop();
      },
    },
    world.time.runtime,
  );
  node.start().catch(() => undefined);
  await world.settle(node.ended);
  expect(work).toEqual({ begun: 1, ended: 1 });
});
