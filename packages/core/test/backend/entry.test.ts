import { expect, test } from 'vitest';
import { decodeEntry, type Entry, encodeEntry, isClusterError, MAX_ENTRY_BYTES } from '../../src/backend/index.js';

const entry = (pad: number): Entry => ({
  node: 'a',
  instance: 'a-1',
  state: 'ready',
  identity: undefined,
  recordVersion: undefined,
  metadata: { pad: 'x'.repeat(pad) },
  ttlMs: 30_000,
});

test('an entry that can be written can be read, and one that cannot be read is refused', () => {
  const room = MAX_ENTRY_BYTES - 256 - encodeEntry(entry(0)).length;
  expect(decodeEntry(encodeEntry(entry(room)))).toEqual({ kind: 'entry', entry: entry(room) });
  const refused = (() => {
    try {
      return encodeEntry(entry(room + 1));
    } catch (error) {
      return error;
    }
  })();
  expect(isClusterError(refused, 'UNSUPPORTED')).toBe(true);
  expect(String(refused)).toContain('shorten its metadata');
});

test('V5: an entry whose identity has no cluster is skipped, and hides nobody else', async () => {
  const nameless = { ...entry(0), identity: { clusterId: '', generation: 1 } };
  expect(decodeEntry(encodeEntry(nameless))).toEqual({ kind: 'unreadable', reason: 'identity is not one' });
});
