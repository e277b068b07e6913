import { memoryStore } from '@autocluster/testing';
import { expect, it } from 'vitest';
import { createClusterNode, processDriver } from '../../src/index.js';

it.each(['unregister', 'list'] as const)('stops cleanly although %s fails at first', async (verb) => {
  const store = memoryStore();
  const backend = store.client({ cluster: 'c' });
  const node = createClusterNode({ backend, driver: processDriver({ node: 'a' }), ttlMs: 3000 });
  await node.start();
  store.inject({ kind: 'fail', code: 'STORE_FAILED', verbs: [verb], times: 2 });
  await node.stop();
  const observer = store.client({ cluster: 'c' });
  const clock = { monotonicMs: () => 0, wallMs: () => 0 };
  const { members, record } = await observer.list({ signal: new AbortController().signal, timeoutMs: 100, clock });
  expect(members).toEqual([]);
  expect(record).toMatchObject({ kind: 'present', record: { idle: true } });
});
