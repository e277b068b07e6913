import type { CallOptions, RegisterRequest } from '@autocluster/core/backend';
import { consulLike } from '@autocluster/testing';
import { describe, expect, test } from 'vitest';
import { CASES, runBackendCases } from '../src/index.js';
import { memorySubject, type MemorySubject } from './subjects/memory.js';

const TTL = { minMs: 1000, maxMs: 86_400_000, stepMs: 1000 };
const late = consulLike(500);

/** Stores that can do less, and say so: the manifest alone decides what they are asked. */
const STORES: readonly (readonly [string, MemorySubject, readonly string[]])[] = [
  ['members of a platform', { capabilities: { registration: 'platform' } }, ['REG-011']],
  ['no locks', { capabilities: { lock: 'none', record: 'separate' } }, ['REG-001']],
  ['a record that is written separately', { capabilities: { record: 'separate' } }, ['UNLOCK-004', 'LATE-003']],
  ['advisory locks', { capabilities: { lock: 'advisory', record: 'separate' } }, ['UNLOCK-004', 'LATE-003']],
  ['entries that do not expire', { capabilities: { ttl: 'none' } }, ['FORM-005']],
  ['names without metadata', { capabilities: { metadata: false } }, ['FORM-004']],
  ['names that are not exclusive', { capabilities: { exclusiveNames: false } }, ['REG-012']],
  ['no order', { capabilities: { ordered: false } }, ['REG-010']],
  ['no watch', { capabilities: { watch: false } }, ['LOCK-001']],
  ['lists that are late', { stalenessMs: 100, capabilities: { listConsistency: 'eventual' } }, ['REG-012', 'LIST-004']],
  [
    'one to two TTLs, and a delay of locks',
    { lockDelayMs: late.lockDelayMs, capabilities: { ...late.capabilities, ttl: TTL } },
    ['EXPIRE-004', 'EXPIRE-010'],
  ],
];

/** Only the last store differs in what waits for an end. */
const asked = (title: string): string[] =>
  CASES.map(({ id }) => id).filter((id) => !/^(MANY|EXPIRE)-/.test(id) || title.startsWith('one to two'));

describe('a store that can do less passes what it is asked', () => {
  test.concurrent.for(STORES)('%s', async ([title, options, among]) => {
    const subject = memorySubject({ name: title, ...options });
    const { results } = await runBackendCases({ ...subject, listLagMs: 150 }, { only: asked(title) });
    expect(results.filter(({ status }) => status === 'failed')).toEqual([]);
    const passed = results.filter(({ status }) => status === 'passed').map(({ id }) => id);
    expect(passed).toEqual(expect.arrayContaining([...among]));
  });
});

describe('a store is not failed for what it cannot have', () => {
  test('lists that are as late as the kit waits for by default, with the shortest TTL', async () => {
    const capabilities = { listConsistency: 'eventual' } as const;
    const subject = memorySubject({ name: 'late', stalenessMs: 100, capabilities });
    const { results } = await runBackendCases(subject, { only: ['EXPIRE'] });
    expect(results.filter(({ status }) => status === 'failed')).toEqual([]);
  });

  test('calls that take a third of the shortest TTL', async () => {
    const subject = memorySubject({ name: 'slow', latency: { requestMs: 400, replyMs: 400 } });
    const { results } = await runBackendCases({ ...subject, callTimeoutMs: 5000 }, { only: ['EXPIRE'] });
    expect(results.filter(({ status }) => status === 'failed')).toEqual([]);
  });

  test('no locks, and therefore no place for a record', async () => {
    const absent = { kind: 'absent' } as const;
    const subject = memorySubject({
      name: 'names only',
      capabilities: { lock: 'none', record: 'separate' },
      spoil: (good) => {
        const { list, register } = { list: good.list.bind(good), register: good.register.bind(good) };
        return Object.assign(good, {
          list: async (options: CallOptions) => ({ ...(await list(options)), record: absent }),
          async register(request: RegisterRequest, options: CallOptions) {
            const outcome = await register(request, options);
            return outcome.kind === 'registered' ? { ...outcome, record: absent } : outcome;
          },
        });
      },
    });
    const { results } = await runBackendCases(subject, { only: ['LIST', 'REG', 'FORM'] });
    expect(results.filter(({ status }) => status === 'failed')).toEqual([]);
  });
});
