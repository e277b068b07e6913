import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClusterRecord } from '@autocluster/core/driver';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { StateFile } from '../src/state-file.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'autocluster-state-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const record: ClusterRecord = {
  clusterId: 'c-1',
  generation: 1,
  createdBy: 'rabbit@a',
  createdAt: '2026-01-01T00:00:00.000Z',
  token: 12_345_678_901_234_567_890n,
  version: 4,
  size: 2,
  idle: false,
  removed: [],
  settings: {},
  extra: {},
};
const failed = expect.objectContaining({ code: 'DRIVER_FAILED' });

test('what was written is read again; nothing written is nothing known', () => {
  const file = new StateFile(join(folder, 'inner', 'state.json'));
  expect(file.read()).toEqual({ joining: false, record: undefined });
  file.write({ joining: true, record: undefined });
  expect(file.read()).toEqual({ joining: true, record: undefined });
  file.write({ joining: false, record });
  expect(file.read()).toEqual({ joining: false, record });
  expect(statSync(file.path).mode & 0o777).toBe(0o600);
  file.remove();
  file.remove();
  expect(file.read()).toEqual({ joining: false, record: undefined });
});

test('S83: it lies beside the data folder, which stays as new as it was', () => {
  const file = StateFile.beside(join(folder, 'rabbit@a'), 'rabbit@a');
  file.write({ joining: true, record: undefined });
  expect(existsSync(join(folder, 'rabbit@a'))).toBe(false);
  expect(file.path).toBe(join(folder, 'rabbit@a.autocluster.json'));
});

test.each(['', '{', '7', '{}', '{"joining":true,"record":"x"}'])('a file that was damaged is an error: %s', (text) => {
  const file = new StateFile(join(folder, 'state.json'));
  writeFileSync(file.path, text);
  expect(() => file.read()).toThrow(failed);
});

test('a place that cannot be written is an error', () => {
  writeFileSync(join(folder, 'file'), '');
  expect(() => new StateFile(join(folder, 'file', 'state.json')).write({ joining: true, record: undefined })).toThrow(
    failed,
  );
});
