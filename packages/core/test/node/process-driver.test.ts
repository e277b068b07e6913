import { describe, expect, it } from 'vitest';
import { World } from './kit.js';

describe('a process as its own daemon', () => {
  /** What is called until the node is formed, where each of these calls fails once. */
  async function callsUntilFormed(failing: readonly string[], others: readonly string[] = []) {
    const world = new World();
    for (const name of others) world.launch(name);
    await world.formed(...others);
    const calls: string[] = [];
    const note = (call: string) => () => {
      const isFirst = !calls.includes(call);
      calls.push(call);
      if (isFirst && failing.includes(call)) throw new Error(`${call} ended halfway`);
    };
    const driver = world.process('n1', { onCreate: note('create'), onJoin: note('join'), onReset: note('reset') });
    world.launch('n1', { driver });
    await world.formed('n1');
    return calls;
  }

  it('creates again only when what the first create did is undone', async () => {
    expect(await callsUntilFormed(['create'])).toEqual(['create', 'reset', 'create']);
    expect(await callsUntilFormed(['create', 'reset'])).toEqual(['create', 'reset', 'reset', 'create']);
  });

  it('joins again only when what the first join did is undone', async () => {
    expect(await callsUntilFormed(['join'], ['n2'])).toEqual(['join', 'reset', 'join']);
    expect(await callsUntilFormed(['join', 'reset'], ['n2'])).toEqual(['join', 'reset', 'reset', 'join']);
  });
});
