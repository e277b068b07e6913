import { createClusterNode } from '@autocluster/core';
import { pause } from '@autocluster/core/runtime';
import { describe, expect, it } from 'vitest';
import { World } from './kit.js';

describe('a node that stops', () => {
  it('L9: leaves the formation lock free although the list under it gets no answer, and tells that its entry is gone', async () => {
    const world = new World();
    const node = world.launch('n1', { latency: { requestMs: 4, replyMs: 4 } });
    await world.formed('n1');
    await world.time.advance(20_000);
    const stopping = node.stop();
    await world.until(() => world.cluster.locks.length > 0 || node.state.kind === 'stopped');
    expect(world.cluster.locks.length).toBe(1);
    world.faults('n1').inject({ kind: 'drop-reply', verbs: ['list'] });
    await world.settle(stopping, 60_000);
    await world.time.advance(2_000);
    expect({
      members: world.cluster.members.length,
      locks: world.cluster.locks.length,
      told: world.events('registration.removed').length,
    }).toEqual({ members: 0, locks: 0, told: 1 });
  });

  it('L9: leaves the formation lock free although its last word could not be written', async () => {
    const world = new World();
    const node = world.launch('n1', { latency: { requestMs: 4, replyMs: 4 } });
    await world.formed('n1');
    await world.time.advance(20_000);
    world.faults('n1').inject({ kind: 'fail', code: 'STORE_FAILED', verbs: ['unlock'], times: 1 });
    await world.settle(node.stop(), 60_000);
    expect(world.cluster.locks).toEqual([]);
  });

  it('L9: leaves no formation lock behind when its end keeps a release from being sent', async () => {
    const world = new World();
    const daemons = world.daemons({ concurrentJoins: false });
    world.launch('n1', { driver: daemons.daemon('n1') });
    await world.formed('n1');
    await world.time.advance(10_000);
    const backend = world.store.client({ cluster: 'demo', id: 'n2' });
    const unlock = backend.unlock.bind(backend);
    let releasing = 0;
    Object.assign(backend, {
      // Connects first, as every HTTP client does, and does not send what was aborted meanwhile.
      unlock: async (...[grant, options]: Parameters<typeof unlock>) => {
        releasing += 1;
        await pause(world.time.runtime, 20, options.signal);
        options.signal.throwIfAborted();
        return unlock(grant, options);
      },
    });
    const node = createClusterNode(
      { backend, driver: daemons.daemon('n2'), onEvent: () => undefined, closeBackend: false },
      world.time.runtime,
    );
    void node.start().catch(() => undefined);
    await world.until(() => releasing === 1);
    await world.settle(node.stop(), 60_000);
    expect({ locks: world.cluster.locks.length, releasing }).toMatchObject({ locks: 0 });
  });

  it('does not tell that the store was lost when it has only stopped to ask it', async () => {
    const seen: unknown[] = [];
    for (const afterMs of [0, 5, 9, 13, 17, 21, 25, 29, 34, 55]) {
      const world = new World();
      const node = world.launch('n1', { latency: { requestMs: 4, replyMs: 4 } });
      await world.time.advance(afterMs);
      await world.settle(node.stop(), 10_000);
      for (const event of world.events('store.lost')) seen.push([afterMs, event.data]);
    }
    expect(seen).toEqual([]);
  });
});
