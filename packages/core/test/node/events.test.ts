import { runInNewContext } from 'node:vm';
import { type ClusterEvent, createClusterNode, type Logger, processDriver } from '@autocluster/core';
import { describe, expect, it } from 'vitest';
import { World } from './kit.js';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

function loggerOf(log: (text: string) => void): Logger {
  const [debug, info, warn, error] = LEVELS.map(() => (_fields: object, text: string) => log(text));
  return { debug, info, warn, error } as Logger;
}

async function namesOf(events: AsyncIterable<ClusterEvent>): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const { name } of events) names.push(name);
  return names;
}

describe('who listens to a node', () => {
  it('cannot stop it by a logger that throws', async () => {
    const world = new World();
    const logger = loggerOf(() => {
      throw new Error('the disk is full');
    });
    const node = world.launch('n1', { logger });
    await world.formed('n1');
    world.store.cluster('demo').deleteMember('n1');
    await world.time.advance(60_000);
    expect([node.state.kind, world.cluster.members.length]).toEqual(['formed', 1]);
    await world.settle(node.stop());
    expect(node.state.kind).toBe('stopped');
  });

  it('cannot end its process by an onEvent that is an async function', async () => {
    const world = new World();
    const logged: string[] = [];
    const onEvent = () => Promise.reject(new Error('nobody took it'));
    const options = { driver: processDriver({ node: 'n1' }), logger: loggerOf((text) => logged.push(text)), onEvent };
    const backend = world.store.client({ cluster: 'demo', id: 'n1' });
    const node = createClusterNode({ backend, ...options }, world.time.runtime);
    await world.settle(node.start());
    await world.settle(node.stop());
    const events = Object.values(node.counters).reduce((sum, count) => sum + count, 0);
    expect(logged.filter((text) => text === 'onEvent threw')).toHaveLength(events);
  });

  it.each([
    [
      'throws what has no text',
      () => {
        throw Object.create(null) as Error;
      },
    ],
    ['answers a promise of another realm', () => runInNewContext("Promise.reject(new Error('no'))") as unknown],
  ])('goes on when onEvent %s', async (_what, onEvent) => {
    const world = new World();
    const logged: string[] = [];
    const options = { driver: processDriver({ node: 'n1' }), logger: loggerOf((text) => logged.push(text)), onEvent };
    const backend = world.store.client({ cluster: 'demo', id: 'n1' });
    const node = createClusterNode({ backend, ...options }, world.time.runtime);
    await world.settle(node.start());
    await world.settle(node.stop());
    expect([node.state.kind, logged.includes('onEvent threw')]).toEqual(['stopped', true]);
  });

  it('keeps everything where it is told to', async () => {
    const world = new World();
    const node = world.launch('n1');
    const stream = node.events({ buffer: Number.POSITIVE_INFINITY });
    await world.formed('n1');
    await world.settle(node.stop());
    expect(await namesOf(stream)).not.toContain('events.dropped');
  });

  it('hears every event from the call on, also before it reads', async () => {
    const world = new World();
    const node = world.launch('n1');
    const heardOfStart = world.told.length;
    const stream = node.events();
    await world.formed('n1');
    await world.settle(node.stop());
    expect(await namesOf(stream)).toEqual(world.told.slice(heardOfStart).map(({ name }) => name));
    expect(await namesOf(node.events())).toEqual([]);
  });

  it('can go at any time, and then hears nothing more', async () => {
    const world = new World();
    const node = world.launch('n1');
    await world.formed('n1');
    await world.time.advance(60_000);
    const iterator = node.events()[Symbol.asyncIterator]();
    const next = iterator.next();
    expect(await iterator.return?.()).toEqual({ done: true, value: undefined });
    expect(await next).toEqual({ done: true, value: undefined });
    await world.settle(node.stop());
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  it('reads what is kept when its signal has aborted, and nothing more', async () => {
    const world = new World();
    const node = world.launch('n1');
    const controller = new AbortController();
    const stream = node.events({ signal: controller.signal });
    const before = world.told.length;
    await world.until(() => world.told.length > before + 1);
    controller.abort();
    const count = world.told.length - before;
    await world.formed('n1');
    expect(await namesOf(stream)).toHaveLength(count);
    expect(await namesOf(node.events({ signal: controller.signal }))).toEqual([]);
  });

  it.each([0, -1, Number.NaN, '10'])('cannot have a buffer of %j', (buffer) => {
    const node = new World().launch('n1');
    expect(() => node.events({ buffer } as never)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', option: 'buffer' }),
    );
  });
});
