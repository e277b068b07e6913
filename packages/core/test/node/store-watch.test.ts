import { expect, it } from 'vitest';
import { World } from './kit.js';

it.each(['list', 'register'] as const)(
  'a store that refuses every %s is lost once, and back when it answers that again',
  async (verb) => {
    const world = new World();
    for (const name of ['n1', 'n2']) world.launch(name);
    await world.formed('n1', 'n2');
    await world.time.advance(30_000);
    const told = () =>
      world.told.filter(({ node, name }) => node === 'n1' && /^store\.(lost|back)$/.test(name)).map(({ name }) => name);
    const heal = world.faults('n1').inject({ kind: 'fail', code: 'STORE_FORBIDDEN', verbs: [verb] });
    await world.time.advance(300_000);
    expect(told()).toEqual(['store.lost']);
    heal();
    await world.time.advance(60_000);
    expect(told()).toEqual(['store.lost', 'store.back']);
  },
);
