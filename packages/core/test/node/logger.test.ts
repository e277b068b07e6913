import { createClusterNode, processDriver } from '@autocluster/core';
import { describe, expect, it } from 'vitest';
import { pretend } from '../guard/kit.js';
import { type Logger, silentLogger } from '../../src/runtime/index.js';
import { World } from './kit.js';

describe('the logger of a node', () => {
  it.each(['info', 'warn'] as const)('changes nothing when it throws, here at %s', async (level) => {
    const world = new World();
    let isFull = level === 'info';
    const write = (): void => {
      if (isFull) throw new Error('ENOSPC: no space left on device');
    };
    const node = world.launch('n1', { logger: { ...silentLogger, [level]: write } });
    await world.formed('n1');
    isFull = true;
    world.faults('n1').inject({ kind: 'fail', code: 'STORE_UNREACHABLE' });
    await world.time.advance(60_000);
    world.faults('n1').clear();
    await world.time.advance(30_000);
    expect([node.state.kind, world.cluster.members.length]).toEqual(['formed', 1]);
    await world.settle(node.stop(), 10_000);
    expect([node.state.kind, world.cluster.members.length]).toEqual(['stopped', 0]);
  });

  it.each([
    ['a name', 'debug'],
    ['one without all its functions', { info: () => undefined }],
  ])('is refused at construction when it is %s', (_, logger) => {
    const { store } = new World();
    const backend = store.client({ cluster: 'demo', id: 'n1' });
    const create = () =>
      createClusterNode({ backend, driver: processDriver({ node: 'n1' }), logger: pretend<Logger>(logger) });
    expect(create).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', option: 'logger' }));
  });
});
