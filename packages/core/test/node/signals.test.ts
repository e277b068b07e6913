import { describe, expect, it } from 'vitest';
import { createClusterNode, processDriver } from '@autocluster/core';
import { pretend } from '../guard/kit.js';
import { World } from './kit.js';

describe('a controller that is given in place of its signal', () => {
  const signal = pretend<AbortSignal>(new AbortController());
  const refusal = { code: 'INVALID_OPTION', option: 'signal' };

  it('is refused before the node has begun', async () => {
    const world = new World();
    const backend = world.store.client({ cluster: 'demo', id: 'n1' });
    const node = createClusterNode({ backend, driver: processDriver({ node: 'n1' }) }, world.time.runtime);
    await expect(node.start({ signal })).rejects.toMatchObject(refusal);
    await world.time.advance(1_000);
    expect([node.state.kind, world.cluster.members.length, world.time.pendingTimers]).toEqual(['idle', 0, 0]);
    expect(() => node.events({ signal })).toThrow(expect.objectContaining(refusal));
  });

  it('is refused by the locks of a node', async () => {
    const world = new World();
    const node = world.launch('n1');
    await world.formed('n1');
    await expect(node.acquireLock('job', { signal })).rejects.toMatchObject(refusal);
    await expect(node.withLock('job', { signal }, () => Promise.resolve())).rejects.toMatchObject(refusal);
    await world.settle(node.stop());
  });
});
