import { describe, expect, it } from 'vitest';
import { type Backend, encodeEntry } from '../../src/backend/index.js';
import { over, World } from './kit.js';

/** What stores that keep text under a key do at every registration. */
const writing = (client: Backend): Backend =>
  over(client, {
    async register({ held, ...entry }, options) {
      encodeEntry(entry);
      return client.register(held === undefined ? entry : { ...entry, held }, options);
    },
  });

describe('metadata that grow when they are written', () => {
  const names = Array.from({ length: 8_100 }, (_, index) => String.fromCharCode(0x4e00 + index, 0x4e00));
  it.each([
    ['control characters', { pad: '\u0001'.repeat(12_000) }],
    ['halves of characters', { pad: '\ud800'.repeat(12_000) }],
    ['thousands of names', Object.fromEntries(names.map((name) => [name, '']))],
  ])('are refused, instead of costing a member its registration: %s', async (_, metadata) => {
    const world = new World();
    const node = world.launch('n1', { through: writing });
    await world.formed('n1');
    let refusal: unknown;
    try {
      node.setMetadata(metadata);
    } catch (error) {
      refusal = error;
    }
    await world.time.advance(60_000);
    expect(world.cluster.members).toHaveLength(1);
    expect(refusal).toMatchObject({ code: 'INVALID_OPTION', option: 'metadata' });
    await world.settle(node.stop());
  });
});
