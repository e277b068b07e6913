import { systemRuntime } from '@autocluster/core/runtime';
import { describe, expect, test } from 'vitest';
import { CASES, runBackendCases } from '../src/index.js';
import { BAD_BACKENDS, spoiled } from './bad-backends.js';
import { SUBTLE_BACKENDS } from './subtle-backends.js';
import { memorySubject } from './subjects/memory.js';

/** All but what costs the most time: the crowds, and what waits for an end. */
const ASKED = CASES.map(({ id }) => id).filter((id) => !/^(MANY|EXPIRE)-/.test(id));
const ALL_BAD = [...BAD_BACKENDS, ...SUBTLE_BACKENDS];

describe('a backend that makes one mistake fails exactly the cases about it', () => {
  test.concurrent.for(ALL_BAD.map((bad) => [bad.title, bad] as const))('%s', async ([title, bad]) => {
    const { capabilities = {} } = bad;
    const subject = memorySubject({ name: title, capabilities, spoil: (good, hands) => spoiled(bad, good, hands) });
    const { results } = await runBackendCases({ ...subject, ttlMs: 1500, callTimeoutMs: 1000 }, { only: ASKED });
    expect(results.filter(({ status }) => status === 'failed').map(({ id }) => id)).toEqual(bad.fails);
  });
});

describe('known failures', () => {
  const [listsNothing] = BAD_BACKENDS;

  test('are no errors while they last, and one that passes is', async () => {
    const subject = memorySubject({
      spoil: (good, hands) => (listsNothing ? spoiled(listsNothing, good, hands) : good),
    });
    const knownFailures = { 'ABORT-002': 'it lists nothing', 'LIST-001': 'it was mended' };
    const { results, ok } = await runBackendCases({ ...subject, knownFailures }, { only: ['ABORT-002', 'LIST-001'] });
    expect(results.map(({ id, status }) => [id, status])).toEqual([
      ['LIST-001', 'unexpected-pass'],
      ['ABORT-002', 'known-failure'],
    ]);
    expect(ok).toBe(false);
  });

  test('of cases that do not exist are refused, as are choices that name none', async () => {
    const subject = memorySubject();
    for (const value of ['LOCK-999', 'LOCK', '']) {
      const unknown = expect.objectContaining({ code: 'INVALID_OPTION', option: 'knownFailures', value });
      await expect(runBackendCases({ ...subject, knownFailures: { [value]: '' } })).rejects.toEqual(unknown);
    }
    for (const value of ['LOKC', '']) {
      await expect(runBackendCases(subject, { only: [value] })).rejects.toMatchObject({ option: 'only', value });
    }
  });
});

test('a case that cannot begin closes what it has opened', async () => {
  const opened: string[] = [];
  const subject = memorySubject({
    spoil: (good) => Object.assign(good, { close: async () => void opened.pop() }),
  });
  const client: typeof subject.client = (place) => {
    opened.push(place.cluster);
    return subject.client(place);
  };
  const operator = () => {
    throw new Error('to be written');
  };
  const report = await runBackendCases({ ...subject, client, operator }, { only: ['BIND-001'] });
  expect(report.results.map(({ because }) => because)).toEqual([expect.stringContaining('to be written')]);
  expect(opened).toEqual([]);
});

test('what a registration leaves running after close() is told of', async () => {
  const ends: (() => void)[] = [];
  const subject = memorySubject({
    spoil(good, hands) {
      const register: typeof good.register = async (request, options) => {
        // More than what a test runner lets end meanwhile.
        for (let each = 0; each < 10; each += 1) ends.push(systemRuntime.after(60_000, () => undefined));
        return good.register(request, options);
      };
      return spoiled({ title: 'it renews by itself', verbs: () => ({ register }), fails: ['BIND-009'] }, good, hands);
    },
  });
  const { results } = await runBackendCases(subject, { only: ['BIND-009'] });
  for (const end of ends) end();
  expect(results.map(({ because }) => because)).toEqual([expect.stringContaining('Timeout')]);
});
