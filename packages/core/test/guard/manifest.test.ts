import { FULL_CAPABILITIES, memoryStore, simulateTime } from '@autocluster/testing';
import { describe, expect, it } from 'vitest';
import { guardBackend, isGuarded, sourceOf } from '../../src/guard/index.js';
import { pretend, scripted } from './kit.js';

const { runtime } = simulateTime({ seed: 1 });
const guard = (overrides: object, callTimeoutMs = 1000) =>
  guardBackend(scripted(overrides).backend, { runtime, callTimeoutMs });
const capable = (changes: object) => ({ capabilities: { ...FULL_CAPABILITIES, watch: false, ...changes } });

describe('the manifest of a backend', () => {
  it('passes for the memory store, and is a frozen copy', () => {
    const client = memoryStore({ runtime }).client({ cluster: 'c' });
    const guarded = guardBackend(client, { runtime, callTimeoutMs: 1000 });
    expect(guarded).toMatchObject({ name: 'memory', cluster: 'c', capabilities: FULL_CAPABILITIES });
    expect(Object.isFrozen(guarded.capabilities)).toBe(true);
    expect([isGuarded(guarded), isGuarded(client)]).toEqual([true, false]);
    expect(sourceOf(guarded)).toBe(client);
  });

  it('names both versions when the interface is another one', () => {
    expect(() => guard({ spi: 2 })).toThrow(
      expect.objectContaining({ code: 'SPI_MISMATCH', message: expect.stringMatching(/version 2.*version 1/) }),
    );
    expect(() => guard({ spi: undefined })).toThrow(/SPI_MISMATCH/);
  });

  it.each([
    ['no name', { name: '' }, /name is not a text/],
    ['no lock verb', { lock: undefined }, /lock is not a function/],
    ['no close', { close: 3 }, /close is not a function/],
    ['a watch that the manifest denies', { watch: () => undefined }, /watch is not missing/],
    ['a missing watch', capable({ watch: true }), /watch is not a function/],
    ['no capabilities', { capabilities: undefined }, /capabilities is not an object/],
    ['a missing capability', capable({ ordered: undefined }), /ordered is not a boolean/],
    ['an unknown kind of lock', capable({ lock: 'maybe' }), /lock is not 'none' \| 'advisory' \| 'fenced'/],
    ['a TTL without limits', capable({ ttl: {} }), /ttl.minMs/],
    ['TTL limits upside down', capable({ ttl: { minMs: 10, maxMs: 5, stepMs: 1 } }), /ttl.maxMs/],
    [
      'a bound that is no number',
      capable({ takeover: { earliest: { timesTtl: NaN, plusMs: 0 } } }),
      /earliest.timesTtl/,
    ],
  ])('refuses %s', (_, overrides, text) => {
    expect(() => guard(overrides)).toThrow(
      expect.objectContaining({ code: 'BACKEND_CONTRACT', message: expect.stringMatching(text) }),
    );
  });

  it('refuses options that cannot work', () => {
    expect(() => guard({ cluster: 'a/b' })).toThrow(expect.objectContaining({ option: 'scripted.cluster' }));
    expect(() => guard({}, 0)).toThrow(expect.objectContaining({ option: 'callTimeoutMs' }));
    expect(() => guardBackend(pretend(undefined), { runtime, callTimeoutMs: 1 })).toThrow(/INVALID_OPTION: backend/);
  });
});
