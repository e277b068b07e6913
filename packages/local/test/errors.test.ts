import { constants } from 'node:os';
import { ClusterError } from '@autocluster/core/backend';
import { expect, test } from 'vitest';
import { storeError } from '../src/errors.js';

const failure = { operation: 'lock', folder: '/data/cluster', outcomeUnknown: true };
const withCode = (code: unknown) => Object.assign(new Error('because'), { code });

const cases: readonly [code: unknown, expected: object][] = [
  ['EACCES', { code: 'STORE_FORBIDDEN', retryable: false, outcomeUnknown: false }],
  [constants.errno.EROFS, { code: 'STORE_FORBIDDEN', retryable: false, outcomeUnknown: false }],
  ['ENOSPC', { code: 'STORE_FULL', retryable: true, outcomeUnknown: false }],
  [constants.errno.ENOSPC, { code: 'STORE_FULL', retryable: true, outcomeUnknown: false }],
  [-30_792, { code: 'STORE_FULL', retryable: true, outcomeUnknown: false }],
  [-30_794, { code: 'STORE_FAILED', retryable: false, outcomeUnknown: true }],
  ['ENOTDIR', { code: 'STORE_FAILED', retryable: false, outcomeUnknown: true }],
  [constants.errno.EIO, { code: 'STORE_FAILED', retryable: true, outcomeUnknown: true }],
  [undefined, { code: 'STORE_FAILED', retryable: true, outcomeUnknown: true }],
];

test.each(cases)('the code %s becomes what a caller can act on', (code, expected) => {
  const cause = withCode(code);
  const error = storeError(cause, failure);
  expect(error).toMatchObject({ ...expected, operation: 'lock', cause, details: { folder: '/data/cluster' } });
  expect(error.message).toContain('/data/cluster');
  expect(error.message).toContain('because');
});

test('an error of the library stays what it is, and a thrown text is told', () => {
  const known = new ClusterError('CLOSED', 'the store was closed');
  expect(storeError(known, failure)).toBe(known);
  expect(storeError('noise', failure).message).toContain('noise');
});
