import { describe, expect, it } from 'vitest';
import { waitText } from '../../src/formation/index.js';
import { askList, guardBackend } from '../../src/guard/index.js';
import { systemRuntime } from '../../src/runtime/index.js';
import { memoryStore } from '@autocluster/testing';

describe('why a node waits, in words', () => {
  const wait = { reason: 'store-unreachable', endsWhen: 'the store answers' } as const;

  it.each([
    [{}, 'waiting for store-unreachable; ends when the store answers'],
    [{ cause: 'TIMEOUT' }, 'waiting for store-unreachable (TIMEOUT); ends when the store answers'],
    [
      { cause: 'TIMEOUT', text: 'TIMEOUT: list took too long' },
      'waiting for store-unreachable (TIMEOUT: list took too long); ends when the store answers',
    ],
  ] as const)('with %o', (more, text) => {
    expect(waitText({ ...wait, ...more })).toBe(text);
  });

  it('a list that failed says what the store said', async () => {
    const client = memoryStore().client({ cluster: 'c' });
    client.faults.inject({ kind: 'fail', code: 'STORE_FORBIDDEN', applied: false });
    const guarded = guardBackend(client, { runtime: systemRuntime, callTimeoutMs: 1_000 });
    const listing = await askList(guarded, systemRuntime.clock, { signal: undefined });
    expect(listing).toEqual({
      kind: 'failed',
      cause: 'STORE_FORBIDDEN',
      text: expect.stringMatching(/^STORE_FORBIDDEN: .+/) as unknown,
    });
  });
});
