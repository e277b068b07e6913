import type { ClusterEvent } from '@autocluster/core';
import { describe, expect, it } from 'vitest';
import { World } from './kit.js';

async function namesOf(events: AsyncIterable<ClusterEvent>): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const { name } of events) names.push(name);
  return names;
}

describe('who listens to a node', () => {
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
